"""The help texts of every command, in Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HELP: Final[Mapping[str, str]] = {
    # The whole
    "usage: ": "uso: ",
    "arguments": "argumentos",
    "options": "opciones",
    "commands": "órdenes",
    "say this and end": "muestra esta ayuda y termina",
    "Look into a hub, follow who is where, and administer people, terminals and accounts.": (
        "Consulta un hub, sigue quién está dónde y administra personas, terminales y cuentas."
    ),
    "the hub (ATTENDANCE_HUB_URL)": "el hub (ATTENDANCE_HUB_URL)",
    "where the session is kept": "dónde se guarda la sesión",
    "of all that is said (en)": "idioma de todo lo que se dice (en)",
    "one JSON object a line": "un objeto JSON por línea",
    "at most so many ({default})": "como mucho tantos ({default})",
    "all": "todo",
    "the same key again does nothing twice (a new one)": "con la misma clave nada se hace dos veces (una nueva)",
    "don't ask, for scripts": "no preguntar, para scripts",
    "exit codes:": "códigos de salida:",
    "done": "hecho",
    "the hub refused, or the file has faults, or the answer was no": (
        "el hub lo rechazó, o el archivo tiene fallos, o la respuesta fue no"
    ),
    "not understood, or nobody there to be asked": "no se entiende, o no hay a quién preguntar",
    "sign in (again)": "hay que iniciar sesión (de nuevo)",
    "the hub can't be reached, or the answer was lost": "no se llega al hub, o se perdió la respuesta",
    "the hub can't do it now, try later": "el hub no puede ahora, pruebe más tarde",
    "a file or the session can't be kept or read here": "aquí no se puede guardar o leer un archivo o la sesión",
    "nothing in scope is called so": "nada a su alcance se llama así",
    "taken, or not in the state for it": "ocupado, o no está en estado para ello",
    "done, but a secret shown once was lost on the way": (
        "hecho, pero se perdió por el camino un secreto que se muestra una vez"
    ),
    "interrupted": "interrumpido",
    "The session is kept with mode 0600 below --state, else $XDG_STATE_HOME, else ~/.local/state.": (
        "La sesión se guarda con modo 0600 en --state, si no en $XDG_STATE_HOME, si no en ~/.local/state."
    ),
    # Names of arguments
    "COMMAND": "ORDEN",
    "DIR": "CARPETA",
    "FILE": "ARCHIVO",
    "TEXT": "TEXTO",
    "TIME": "MOMENTO",
    "ZONE": "ZONA",
    "NAME": "NOMBRE",
    "NUMBER": "NÚMERO",
    "EMPLOYEE": "PERSONA",
    "SITE": "CENTRO",
    "DEPARTMENT": "DEPARTAMENTO",
    "DEVICE": "TERMINAL",
    "BADGE": "TARJETA",
    "ACCOUNT": "CUENTA",
    "USER": "USUARIO",
    "SESSION": "SESIÓN",
    "FINGERPRINT": "HUELLA",
    "HEADER=FIELD": "CABECERA=CAMPO",
    # How things are named and found
    "id or name": "id o nombre",
    "name or id": "nombre o id",
    "number or id": "número o id",
    "user name or id": "nombre de usuario o id",
    "of this site (id or name)": "de este centro (id o nombre)",
    "of this department (id or name)": "de este departamento (id o nombre)",
    "in the name or the number": "en el nombre o el número",
    "in the name": "en el nombre",
    "in the user name": "en el nombre de usuario",
    "inclusive, e.g. 2026-11-24T08:00": "incluido, p. ej. 2026-11-24T08:00",
    "exclusive; local time unless it says otherwise": "excluido; hora local si no dice otra cosa",
    "the first line of standard input": "la primera línea de la entrada estándar",
    "the next line of standard input": "la línea siguiente de la entrada estándar",
    "only this one; may be repeated": "solo este; puede repetirse",
    "newest first": "lo más nuevo primero",
    "all in scope": "todo lo que está a su alcance",
    "as everyone sees it": "como lo ven todos",
    # People
    "people: who works here": "personas: quién trabaja aquí",
    "who works here": "quién trabaja aquí",
    "inactive ones as well": "también las que están de baja",
    "one person": "una persona",
    "someone new": "una persona nueva",
    "as it is typed at a kiosk": "tal como se teclea en un terminal",
    "another number, name, site or department": "otro número, nombre, centro o departamento",
    "punches are refused from now on; the record stays": (
        "desde ahora se rechazan sus fichajes; el registro se conserva"
    ),
    "name and details are deleted for good, once a second administrator says so too": (
        "el nombre y los datos se borran para siempre, cuando lo pide también un segundo administrador"
    ),
    "the same person works here again": "la misma persona vuelve a trabajar aquí",
    "people from a CSV file, all or none": "personas de un archivo CSV, todas o ninguna",
    "CSV with a header line; -: stdin": "CSV con una línea de cabecera; -: entrada estándar",
    "only say what would become of each line": "solo decir qué sería de cada línea",
    "which column is which field (employee_number, display_name, site, department, badge, ignore)": (
        "qué columna es qué campo (employee_number, display_name, site, department, badge, ignore)"
    ),
    # Badges and PINs
    "badges": "tarjetas",
    "every badge that is or was someone's, newest first": (
        "toda tarjeta que es o fue de alguien, la más nueva primero"
    ),
    "give someone a badge, which is read from a prompt, from standard input or at a terminal": (
        "dar a alguien una tarjeta, que se teclea aquí, llega por la entrada estándar o se leyó en un terminal"
    ),
    "the badge that this terminal last read and nobody knew": ("la última tarjeta desconocida que leyó este terminal"),
    "the badge that a terminal last read and nobody knew": "la última tarjeta desconocida que leyó un terminal",
    "a temporary one; good until then": "provisional; vale hasta entonces",
    "even if it is someone else's now": "aunque ahora sea de otra persona",
    "a badge was lost or given back": "una tarjeta se perdió o se devolvió",
    "the badge's id, or the number of someone who has just one": (
        "el id de la tarjeta, o el número de quien solo tiene una"
    ),
    "given back, not lost": "devuelta, no perdida",
    "PINs": "PIN",
    "give someone a PIN": "dar a alguien un PIN",
    "the hub makes one, which is shown once": "lo crea el hub y se muestra una vez",
    "no PIN until one is set; attempts count anew": "sin PIN hasta que se ponga uno; los intentos cuentan de nuevo",
    # Places
    "sites": "centros",
    "a new site": "un centro nuevo",
    "another name or time zone": "otro nombre u otra zona horaria",
    "such as Europe/Madrid": "como Europe/Madrid",
    "departments": "departamentos",
    "a new department": "un departamento nuevo",
    "another name": "otro nombre",
    "where it is, if its name stands for several": "dónde está, si varios se llaman así",
    # Terminals
    "terminals": "terminales",
    "a pairing code for a new terminal, shown once": (
        "un código de emparejamiento para un terminal nuevo, que se muestra una vez"
    ),
    "how the terminal is to be called": "cómo se llamará el terminal",
    "terminals, and how they are": "los terminales y cómo están",
    "let a pending terminal work": "dejar que un terminal pendiente trabaje",
    "as the terminal's own screen shows it; else asked": "como la muestra su propia pantalla; si no, se pregunta",
    "to another site": "a otro centro",
    "out of use, and no longer waited for": "fuera de uso, y ya no se le espera",
    "what it signed later isn't recorded": "lo que firmó después no se registra",
    "close it at once and refuse what it signs later": "cerrarlo ya y rechazar lo que firme después",
    "that are so": "que están así",
    # Accounts
    "who may sign in": "quién puede iniciar sesión",
    "accounts by user name": "cuentas por nombre de usuario",
    "of this role": "de este papel",
    "what it may do": "lo que puede hacer",
    "the name to sign in with": "el nombre con el que se entra",
    "a new account": "una cuenta nueva",
    "sees this site alone (id or name); may be repeated": "solo ve este centro (id o nombre); puede repetirse",
    "sees this department alone (id or name); may be repeated": (
        "solo ve este departamento (id o nombre); puede repetirse"
    ),
    "all sites and departments": "todos los centros y departamentos",
    "whose account it is (number or id)": "de quién es la cuenta (número o id)",
    "ask for it; else the hub makes one": "preguntarla; si no, la crea el hub",
    "another role, scope or person; a new password or factor": (
        "otro papel, alcance o persona; contraseña o factor nuevos"
    ),
    "made anew and shown once": "se crea de nuevo y se muestra una vez",
    "end its sessions; nobody signs in with it": "acabar sus sesiones; nadie entra con ella",
    "it may be used again": "puede usarse otra vez",
    # One's own
    "begin a session": "iniciar sesión",
    "end the session": "cerrar la sesión",
    "the next line is the one-time code": "la línea siguiente es el código de un solo uso",
    "who is signed in": "quién tiene sesión abierta",
    "live sessions, newest first: one's own, or an account's": (
        "sesiones abiertas, la más nueva primero: las propias o las de una cuenta"
    ),
    "end sessions, within seconds": "acabar sesiones, en segundos",
    "ids of sessions": "ids de sesiones",
    "all of an account's, or of one's own but this one": "todas las de una cuenta, o las propias menos esta",
    "with --all: whose (user name or id)": "con --all: de quién (nombre de usuario o id)",
    "one's own password": "la contraseña propia",
    "ends one's other sessions": "acaba las otras sesiones propias",
    "the first two lines of standard input: the old, the new": (
        "las dos primeras líneas de la entrada estándar: la vieja, la nueva"
    ),
    "one's own second factor": "el segundo factor propio",
    "a new one, shown once; the old one serves until it is confirmed": (
        "uno nuevo, que se muestra una vez; el viejo vale hasta que se confirme"
    ),
    "with a code of the new one": "con un código del nuevo",
    "where the role needs none": "donde el papel no lo exige",
    # Looking
    "what was done by whom": "qué se hizo y quién lo hizo",
    "by whom (user name or id)": "quién lo hizo (nombre de usuario o id)",
    "on whom (number or id)": "sobre quién (número o id)",
    "such as badge.assign": "como badge.assign",
    "punches": "fichajes",
    "that became so": "que acabaron así",
    "who is where": "quién está dónde",
    "live, until Ctrl-C": "en vivo, hasta Ctrl-C",
    "the state alone": "solo el estado",
    "who is inside a site now": "quién está ahora dentro de un centro",
    "the hub itself": "el propio hub",
    "how it is": "cómo está",
    "whose script": "para cuál es el script",
    "print what makes a shell complete these commands": "escribir lo que hace que un shell complete estas órdenes",
}
