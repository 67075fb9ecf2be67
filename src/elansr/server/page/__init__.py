"""The web page of `elansr serve`.

mount.py        puts it beside REST
layout.py       what stands where
actions.py      what happens when somebody uses it, and the work from the press of the button to its end
runs.py         one press of the button, which tabs look on
page_files.py   uploads and results on the server's disk, for an hour
previews.py     what a browser can show of pictures
html.py         what it says, as HTML; words.py: in English and Chinese
guard.py        what of Gradio can be reached, and the login
static/         style sheet, scripts and icon

The browser asks nobody but this server: no fonts, scripts or counters from elsewhere.
"""
