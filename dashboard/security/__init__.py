"""The door: who may come in, and what each may open. Everything is shut unless access.csv opens it.

``access`` reads the table, ``door`` judges every request, ``callbacks`` what a callback's request must be, ``sign_in``
lets people in and out, ``identity`` tells who asks, ``limits`` how often, ``headers`` what every answer bears.
"""
