"""What tells the calls registered from those that Asternic Lite shows: the items of the bridge, in the order shown.

In: nothing. Out: ITEMS. `effect` is what each thing of an item adds to Asternic's number to make ours: 1 where only we
count it, -1 where only Asternic does (or does so once more), 0 where it changes nothing and is said all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The events whose number Asternic Lite shows as answered and as not answered, dated by their own instant.
ANSWERED_EVENTS = ("COMPLETEAGENT", "COMPLETECALLER")
UNANSWERED_EVENTS = ("ABANDON", "EXITWITHTIMEOUT")
SHOWN_EVENTS = (*ANSWERED_EVENTS, *UNANSWERED_EVENTS)


@dataclass(frozen=True)
class Item:
    """One item of the bridge. `label`, that of `one` alone, and `says` are read by users.

    `of_lines`: its things are lines of the log that belong to no queue visit, else they are queue visits.
    """

    code: str
    label: str
    effect: int
    says: str
    one: str = ""
    of_lines: bool = False

    def named(self, number: int) -> str:
        """Return the label that goes with a number."""
        return self.one if number == 1 and self.one else self.label


ASTERNIC_ANSWERED = Item(
    "asternic_answered",
    "Asternic: atendidas",
    0,
    "COMPLETEAGENT y COMPLETECALLER, en la fecha en que terminaron.",
)
ASTERNIC_UNANSWERED = Item(
    "asternic_unanswered",
    "Asternic: sin atender",
    0,
    "ABANDON y EXITWITHTIMEOUT, en la fecha en que terminaron.",
)
ITEMS: tuple[Item, ...] = (
    Item(
        "transferred",
        "transferidas",
        1,
        "Un operador(a) las atendió y las pasó a otro número: la central anota una transferencia en lugar de COMPLETE.",
        one="transferida",
    ),
    Item(
        "key",
        "salidas por opción",
        1,
        "Quien llamaba marcó una opción para dejar de esperar (EXITWITHKEY).",
        one="salida por opción",
    ),
    Item("empty", "sin operadores", 1, "La cola se quedó sin operadores conectados mientras esperaban (EXITEMPTY)."),
    Item("withdrawn", "retiradas", 1, "La central o un programa las sacó de la cola (WITHDRAW).", one="retirada"),
    Item(
        "incompatible",
        "canales incompatibles",
        1,
        "Un operador(a) las tomó, pero la central no pudo unir las dos comunicaciones (SYSCOMPAT).",
    ),
    Item(
        "unlogged_end",
        "atendidas sin final anotado",
        1,
        "Se conectaron (CONNECT), y su final no está en el registro: la conversación sigue, o se perdió.",
        one="atendida sin final anotado",
    ),
    Item(
        "restart",
        "cortadas por un reinicio",
        1,
        "La central se reinició mientras esperaban: no anotó ningún final.",
        one="cortada por un reinicio",
    ),
    Item(
        "unknown",
        "sin desenlace conocido",
        1,
        "Entraron y el registro no dice cómo terminaron: siguieron en otra cola, o no hay nada más de ellas.",
    ),
    Item(
        "ended_outside",
        "terminadas fuera del período",
        1,
        "Entraron en el período y terminaron después. Asternic las cuenta en la fecha del final.",
        one="terminada fuera del período",
    ),
    Item(
        "same_second",
        "finales iguales en un segundo",
        1,
        "La tabla de Asternic guarda una sola vez dos finales iguales de una llamada en el mismo segundo.",
        one="final igual en un segundo",
    ),
    Item(
        "chained",
        "otros ingresos de la misma llamada",
        -1,
        "La llamada pasó por más de un ingreso a cola: Asternic cuenta cada uno, aquí son una sola llamada.",
        one="otro ingreso de la misma llamada",
    ),
    Item(
        "entered_outside",
        "entradas fuera del período",
        -1,
        "Terminaron en el período y habían entrado antes. Aquí pertenecen a la fecha en que entraron.",
        one="entrada fuera del período",
    ),
    Item(
        "other_line",
        "de otra línea en las mismas colas",
        -1,
        "Asternic cuenta la cola entera; estas son de otra línea que atiende la misma cola, o de ninguna.",
    ),
    Item(
        "not_counted",
        "de colas que no cuentan",
        -1,
        "Su cola está asignada a «no cuenta».",
        one="de una cola que no cuenta",
    ),
    Item(
        "outside_total",
        "de líneas fuera del total",
        -1,
        "Su línea no es de las que entran al total en esa fecha.",
        one="de una línea fuera del total",
    ),
    Item(
        "second_end",
        "segundos finales",
        -1,
        "La central anotó dos veces el final de un mismo ingreso a cola: Asternic cuenta los dos.",
        one="segundo final",
        of_lines=True,
    ),
    Item(
        "second_connect",
        "finales de una llamada ya conectada",
        -1,
        "Un final sin atender anotado cuando ya la habían atendido: Asternic lo cuenta, y cuenta también el otro.",
        one="final de una llamada ya conectada",
        of_lines=True,
    ),
    Item(
        "lent",
        "ABANDON tras canales incompatibles",
        -1,
        "La central anota SYSCOMPAT y luego ABANDON por el mismo ingreso a cola: Asternic cuenta el segundo.",
        of_lines=True,
    ),
    Item(
        "outbound",
        "intentos salientes",
        -1,
        "Llamadas hechas por operadores que pasan por una cola: no son llamadas recibidas.",
        one="intento saliente",
        of_lines=True,
    ),
    Item(
        "no_callid",
        "finales sin identificador",
        -1,
        "No dicen de qué llamada son: no se pueden contar como una.",
        one="final sin identificador",
        of_lines=True,
    ),
    Item(
        "set_aside",
        "filas observadas",
        -1,
        "Finales sin su entrada y sin espera utilizable: quedaron observadas hasta que llegue su entrada.",
        one="fila observada",
        of_lines=True,
    ),
)
#: Said beside the bridge: in both numbers or in neither.
BESIDE: tuple[Item, ...] = (
    Item("open", "en curso", 0, "Todavía esperan: ni Asternic ni el sistema las cuentan hasta que terminen."),
    Item(
        "reconstructed",
        "reconstruidas",
        0,
        "Su entrada se perdió y se rehízo desde su final: Asternic y el sistema las cuentan por igual.",
        one="reconstruida",
    ),
    Item(
        "repeated",
        "líneas repetidas en un segundo",
        0,
        "La tabla de Asternic no guarda la repetición, y aquí no es otra llamada: nadie la cuenta.",
        one="línea repetida en un segundo",
        of_lines=True,
    ),
)
UNEXPLAINED = Item(
    "unexplained",
    "sin explicar",
    0,
    "Ninguna de las causas conocidas lo explica: avise a quien mantiene el sistema.",
    of_lines=True,
)
BY_CODE = {
    item.code: item for item in (ASTERNIC_ANSWERED, ASTERNIC_UNANSWERED, *ITEMS, *BESIDE, UNEXPLAINED)
}  # every one opens its calls
