"""What the link and argparse say in English, by its pattern, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RECOGNISED: Final[Mapping[str, str]] = {
    # kiosk.link.client and kiosk.admin.hub_link
    "the hub can't be reached at {host}:{port}: {why}": "no se llega al hub en {host}:{port}: {why}",
    "the hub can't be reached: no answer in time": "no se llega al hub: sin respuesta a tiempo",
    "the hub can't be reached: {why}": "no se llega al hub: {why}",
    "the hub's certificate is not accepted": "no se acepta el certificado del hub",
    "the hub's name is not known: {host}": "no se conoce el nombre del hub: {host}",
    "nothing was heard of the hub for too long": "hace demasiado que no se sabe nada del hub",
    "the connection broke: {why}": "se cortó la conexión: {why}",
    "the hub closed the connection ({code})": "el hub cerró la conexión ({code})",
    "the hub sent a binary frame": "el hub envió una trama binaria",
    "the network takes nothing any more": "la red ya no admite nada",
    "the server at the hub's address answers HTTP {status}": (
        "el servidor en la dirección del hub responde HTTP {status}"
    ),
    "the server at the hub's address doesn't speak {protocol}": (
        "el servidor en la dirección del hub no habla {protocol}"
    ),
    "the hub breaks the contract: {why}": "el hub incumple el contrato: {why}",
    "the hub doesn't answer": "el hub no responde",
    "the hub didn't welcome us in time": "el hub no dio la bienvenida a tiempo",
    "the hub can't look this session up: {why}": "el hub no puede comprobar esta sesión: {why}",
    # argparse, and the types of our own arguments
    "the following arguments are required: {names}": "faltan estos argumentos: {names}",
    "one of the arguments {names} is required": "hace falta uno de los argumentos {names}",
    "unrecognized arguments: {names}": "argumentos desconocidos: {names}",
    "argument {name}: expected one argument": "argumento {name}: falta su valor",
    "argument {name}: not allowed with argument {other}": "argumento {name}: no va junto con {other}",
    "argument {name}: invalid choice: {value} (choose from {choices})": (
        "argumento {name}: {value} no vale (elija entre {choices})"
    ),
    "argument {name}: invalid {kind} value: {value}": "argumento {name}: {value} no vale",
    "argument {name}: a whole number from 1 on": "argumento {name}: un número entero desde 1",
    "argument {name}: a time is like 2026-11-24T08:00": "argumento {name}: un momento es como 2026-11-24T08:00",
    "argument {name}: the hub's address is like http://hub.example:8080 or https://hub.example": (
        "argumento {name}: la dirección del hub es como http://hub.example:8080 o https://hub.example"
    ),
    "ambiguous option: {option} could match {options}": "opción ambigua: {option} puede ser {options}",
}
