"""A shop's database and web services, read into the landing folder.

`sources.yaml` says what to read (`config.py`), `sql.py` and `rest.py` read it, `pull.py` writes it
as landing files. Nothing behind the landing folder knows where rows came from. Importing this
package costs nothing: definitions load the configuration, the libraries load when a source is read.
"""
