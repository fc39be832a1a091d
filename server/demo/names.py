"""Sample people's names: made up from common given names and surnames, the same in every demo."""

import random
from typing import Final

_GIVEN: Final = (
    "Adrián Agustina Aitor Alba Alejandro Alicia Álvaro Ana Andrea Antonio Ariadna Aurora Beatriz Begoña Bruno "
    "Camila Carlos Carmen Catalina Cecilia Clara Claudia Cristina Daniel Daniela Darío David Delfina Diego Elena "
    "Elisa Emilia Enrique Esteban Eva Facundo Federico Fernando Francisca Gabriel Gonzalo Guillermo Héctor Hugo "
    "Ignacio Inés Irene Iván Jaime Javier Joaquín Jorge José Juana Julia Julián Laura Leandro Leticia Lorena "
    "Lucas Lucía Luis Macarena Manuel Marcos Marina Mario Marta Mateo Matilde Mercedes Miguel Milagros Mónica "
    "Nahuel Natalia Nerea Nicolás Noelia Nuria Olga Óscar Pablo Paula Pedro Pilar Rafael Raquel Raúl Renata "
    "Ricardo Rocío Rodrigo Rosario Rubén Salvador Samuel Sara Sebastián Sergio Silvia Sofía Susana Teresa Tomás "
    "Valentina Verónica Vicente Víctor Violeta Yaiza"
).split()
_SURNAMES: Final = (
    "Acosta Aguilar Alonso Álvarez Arias Armas Báez Benítez Bermúdez Blanco Bravo Cabrera Calvo Campos Cano "
    "Castro Cordero Cruz Delgado Díaz Domínguez Duarte Escobar Espinosa Estévez Falcón Fernández Ferrer Figueroa "
    "Flores Fuentes Gallardo García Garrido Gil Giménez Gómez González Guerrero Gutiérrez Hernández Herrera "
    "Hidalgo Ibáñez Iglesias Jiménez Ledesma León López Lorenzo Lozano Luna Marín Márquez Martín Martínez Medina "
    "Méndez Molina Montero Mora Morales Moreno Muñoz Navarro Nieto Núñez Ojeda Ortega Ortiz Padrón Paredes Peña "
    "Peralta Perdomo Pérez Quintana Ramírez Ramos Reyes Rivero Robles Rodríguez Rojas Romero Rubio Ruiz Sáez "
    "Salinas Sánchez Santana Santos Serrano Silva Soler Sosa Suárez Toledo Torres Valdés Vargas Vega Velasco Vera "
    "Vidal Villalba Zamora Zárate"
).split()
_SEED: Final = 1


def sample_names(count: int) -> list[str]:
    """`count` different names (a given name and two surnames), always the same ones in the same order."""
    draw = random.Random(_SEED)  # noqa: S311 - sample data, the same in every demo: nothing here is a secret
    names: dict[str, None] = {}
    while len(names) < count:
        first, second = draw.sample(_SURNAMES, 2)
        names[f"{draw.choice(_GIVEN)} {first} {second}"] = None
    return list(names)
