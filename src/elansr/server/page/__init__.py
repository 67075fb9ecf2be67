"""The web page of `elansr serve`: a picture in, a larger one out, in a browser.

    mount     puts it beside REST
    layout    what stands where
    actions   what happens when somebody uses it
    uploads   what a browser sends
    run       work that was asked for, from the press of the button to its end
    results   results, to download
    pictures  what a browser can show of pictures
    words     what is said
    models    the models as people choose them
    guard     what of Gradio can be reached
    login     what is asked of those who come, where there is a key
    scratch   where files lie, and for how long
    assets    its style sheet, scripts and icon, in files/

The browser asks nobody but this server: no fonts, scripts or counters from elsewhere.
"""
