"""Headings, questions, answers and faults, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ANSWERS: Final[Mapping[str, str]] = {
    # Headings and cells
    "id": "id",
    "name": "nombre",
    "number": "número",
    "site": "centro",
    "department": "departamento",
    "active": "en alta",
    "status": "estado",
    "state": "estado",
    "since": "desde",
    "at": "en",
    "in": "dentro",
    "break": "pausa",
    "out": "fuera",
    "yes": "sí",
    "no": "no",
    "badge": "tarjeta",
    "badge id": "id de tarjeta",
    "good until": "vale hasta",
    "ended": "acabó",
    "why": "por qué",
    "read at": "leída",
    "punch": "fichaje",
    "time zone": "zona horaria",
    "waiting": "pendientes",
    "clock": "reloj",
    "heard at": "último aviso",
    "version": "versión",
    "fingerprint": "huella",
    "retired": "retirado",
    "CLONED?": "¿CLONADO?",
    "silent": "callado",
    "pairing code": "código de emparejamiento",
    "user": "usuario",
    "role": "papel",
    "second factor": "segundo factor",
    "disabled": "desactivada",
    "password": "contraseña",
    "session": "sesión",
    "this one": "esta",
    "renewed": "renovada",
    "client": "cliente",
    "from where": "desde dónde",
    "when": "cuándo",
    "who": "quién",
    "what": "qué",
    "change": "cambio",
    "on whom": "sobre quién",
    "kind": "clase",
    "outcome": "resultado",
    "reason": "motivo",
    "captured": "captado",
    "line": "línea",
    "field": "campo",
    "problem": "problema",
    "new": "alta",
    "as it was": "igual",
    "fault": "fallo",
    "hub": "hub",
    "started at": "en marcha desde",
    "connections": "conexiones",
    "punches waiting": "fichajes en cola",
    "secrets": "secretos",
    "draining": "cerrando",
    "left out for lack of width: {columns}": "no caben a lo ancho: {columns}",
    # Prompts and questions
    "Password": "Contraseña",
    "One-time code": "Código de un solo uso",
    "Password now": "Contraseña actual",
    "New password": "Contraseña nueva",
    "PIN": "PIN",
    "Badge": "Tarjeta",
    "once more": "Otra vez",
    "y/N": "s/N",
    "y": "s",
    "Deactivate {who}? Punches are refused from then on.": (
        "¿Dar de baja a {who}? Desde entonces se rechazan sus fichajes."
    ),
    "Give the badge to {who}? Whoever has it now loses it.": (
        "¿Dar la tarjeta a {who}? Quien la tiene ahora la pierde."
    ),
    "End the badge of {who}? It will be refused.": "¿Anular la tarjeta de {who}? Será rechazada.",
    "{name}: does its own screen show the fingerprint {fingerprint}?": (
        "{name}: ¿muestra su propia pantalla la huella {fingerprint}?"
    ),
    "Retire {name}? It can't come back.": "¿Retirar {name}? No puede volver.",
    "Revoke {name}? It is closed at once and can't come back.": (
        "¿Revocar {name}? Se cierra de inmediato y no puede volver."
    ),
    "Disable {who}? All sessions end within seconds.": ("¿Desactivar {who}? Todas sus sesiones acaban en segundos."),
    "End {count} sessions of {who}?": "¿Acabar {count} sesiones de {who}?",
    "yourself": "usted",
    # What was done
    "signed in as {user}": "sesión iniciada como {user}",
    "signed out": "sesión cerrada",
    "nobody was signed in": "no había sesión",
    "changed: {who}": "cambiado: {who}",
    "deactivated: {who}": "de baja: {who}",
    "asked for: another administrator has to say the same of {who}": (
        "pedido: falta que otro administrador lo pida de {who}"
    ),
    "erased: {who}": "borrado: {who}",
    "Erase {who}? Name and details are gone for good; punches stay.": (
        "¿Borrar a {who}? El nombre y los datos desaparecen para siempre; los fichajes quedan."
    ),
    "works here again: {who}": "de nuevo en alta: {who}",
    "ended: the badge of {who}": "anulada: la tarjeta de {who}",
    "set: the PIN of {who}": "puesto: el PIN de {who}",
    "no longer there: the PIN of {who}": "quitado: el PIN de {who}",
    "good once, until {time}": "vale una vez, hasta {time}",
    "works now: {name}": "ya trabaja: {name}",
    "moved: {name} is at {site} now": "trasladado: {name} está ahora en {site}",
    "retired: {name}": "retirado: {name}",
    "revoked: {name}": "revocado: {name}",
    "disabled: {who}": "desactivada: {who}",
    "may sign in again: {who}": "puede volver a entrar: {who}",
    "ended: {session}": "acabada: {session}",
    "the password is changed; your other sessions have ended": (
        "la contraseña está cambiada; sus otras sesiones han acabado"
    ),
    "now `totp confirm` with a code of it; until then the old one serves": (
        "ahora `totp confirm` con un código suyo; hasta entonces vale el viejo"
    ),
    "the new second factor serves from now on": "el segundo factor nuevo vale desde ahora",
    "the second factor is removed": "el segundo factor está quitado",
    # Import
    "the file is no UTF-8: it was read as {encoding}": "el archivo no es UTF-8: se leyó como {encoding}",
    "sending: {done} of {all} parts": "enviando: {done} de {all} partes",
    "the hub is at work on {count} lines …": "el hub trabaja en {count} líneas …",
    "{state}: {created} new, {updated} changed, {unchanged} as they were, {faults} faults": (
        "{state}: {created} altas, {updated} cambios, {unchanged} iguales, {faults} fallos"
    ),
    "written": "escrito",
    "only tried": "solo probado",
    "nothing written": "nada escrito",
    # Presence
    "{site}: {count} inside as of {time}": "{site}: {count} dentro a las {time}",
    "complete to {time}": "completo hasta {time}",
    "silent terminals: {names}": "terminales callados: {names}",
    "{site}: {inside} in, {on_break} on break, {out} out; complete to {time}": (
        "{site}: {inside} dentro, {on_break} en pausa, {out} fuera; completo hasta {time}"
    ),
    # Faults
    "{code}: {message}": "{code}: {message}",
    "{code}: this is no badge of this company's": "{code}: esto no es una tarjeta de esta empresa",
    "{code}: a name has no space at either end and no invisible characters": (
        "{code}: un nombre no lleva espacios al principio o al final, ni caracteres invisibles"
    ),
    "{code}: an employee number has digits only": "{code}: un número de empleado solo lleva cifras",
    "{code}: a PIN has 6 to 12 digits and must not be easy to guess": (
        "{code}: un PIN tiene de 6 a 12 cifras y no puede ser fácil de adivinar"
    ),
    "{code}: there is no such time zone; one is called Europe/Madrid": (
        "{code}: esa zona horaria no existe; una se llama Europe/Madrid"
    ),
    "{code}: a user name has 1 to 100 characters and no space": (
        "{code}: un usuario tiene de 1 a 100 caracteres y ningún espacio"
    ),
    "{code}: that time is over already": "{code}: ese momento ya ha pasado",
    "{code}: this badge is someone else's": "{code}: esta tarjeta es de otra persona",
    "{code}: someone has this employee number": "{code}: alguien tiene ya este número de empleado",
    "{code}: there is another one with this name": "{code}: ya hay otro con este nombre",
    "{code}: there is an account with this user name": "{code}: ya hay una cuenta con este usuario",
    "{why}": "{why}",
    "the hub is missing: --hub URL or ATTENDANCE_HUB_URL": "falta el hub: --hub URL o ATTENDANCE_HUB_URL",
    "connection lost ({why}); connecting again": "conexión perdida ({why}); conectando de nuevo",
    "to try again without doing it twice: --request-key {key}": (
        "para repetirlo sin hacerlo dos veces: --request-key {key}"
    ),
    "{why}; whether it was done isn't known: the same command with --request-key {key} never does it twice": (
        "{why}; no se sabe si se hizo: la misma orden con --request-key {key} nunca lo hace dos veces"
    ),
    "done, but what is shown once was in an answer that got lost: have it made anew ({what})": (
        "hecho, pero lo que se muestra una vez iba en una respuesta que se perdió: hágalo crear de nuevo ({what})"
    ),
    "nothing was done": "no se hizo nada",
    "nothing was entered": "no se introdujo nada",
    "the two entries differ": "las dos entradas no coinciden",
    "say what is to change": "diga qué debe cambiar",
    "say what it sees: --site, --department or --everywhere": "diga qué ve: --site, --department o --everywhere",
    "say which sessions, or --all": "diga qué sesiones, o --all",
    "--everywhere goes without --site and --department": "--everywhere va sin --site ni --department",
    "--map is HEADER=FIELD with one of the fields {fields}": "--map es CABECERA=CAMPO con uno de los campos {fields}",
    "standard input is no terminal": "la entrada estándar no es un terminal",
    "standard input is no terminal: use {option}": "la entrada estándar no es un terminal: use {option}",
    "this can't be undone: say --yes where no terminal can be asked": (
        "esto no tiene vuelta atrás: use --yes donde no se puede preguntar en un terminal"
    ),
    "no single site is called {name}: {names}": "ningún centro, o más de uno, se llama {name}: {names}",
    "no employee has the number {number}": "nadie tiene el número {number}",
    "several sites have a department called {name}: say which with --site": (
        "varios centros tienen un departamento {name}: diga cuál con --site"
    ),
    "no department is called {name} there": "ningún departamento se llama {name} allí",
    "several are called {name}: {ids}": "varios se llaman {name}: {ids}",
    "nothing in scope is called {name}": "nada a su alcance se llama {name}",
    "{device} has read no unknown badge in the last minutes": (
        "{device} no ha leído ninguna tarjeta desconocida en los últimos minutos"
    ),
    "{who} has {count} badges: name one by its id": "{who} tiene {count} tarjetas: nombre una por su id",
    "{count} lines can't be taken: nothing was written": "{count} líneas no pueden tomarse: no se escribió nada",
    "{path} is no CSV text": "{path} no es texto CSV",
    "{path} can't be read: {why}": "{path} no se puede leer: {why}",
    "{path} can't be removed: {why}": "{path} no se puede quitar: {why}",
    "{path} can be read by others: its mode must be 0600": "otros pueden leer {path}: su modo debe ser 0600",
    "{path} is damaged: remove it and sign in again": "{path} está dañado: quítelo e inicie sesión de nuevo",
    "the session can't be kept in {folder}: {why}": "la sesión no se puede guardar en {folder}: {why}",
    "wrong user name, password or code": "usuario, contraseña o código incorrectos",
    "that one-time code is wrong, or was used already: wait for the next one": (
        "ese código de un solo uso no es correcto o ya se usó: espere al siguiente"
    ),
    "not signed in: use `login`": "no hay sesión: use `login`",
    "the session has ended: use `login`": "la sesión ha acabado: use `login`",
    "the hub doesn't accept this session: use `login`": "el hub no acepta esta sesión: use `login`",
    "the hub can't be reached: no answer in time": "no se llega al hub: sin respuesta a tiempo",
    "the hub can't be reached: {why}": "no se llega al hub: {why}",
    "the server at the hub's address doesn't answer like a hub": (
        "el servidor en la dirección del hub no responde como un hub"
    ),
}
