"""Training: a recipe in, a weights file out.

`config` reads the recipe, `data` its pictures; `batches` draws crops of them, of which `degradation` makes LR.
`start` builds the network, `loop` trains it with `loss`, `schedule` and `optimizer`, and `validation` chooses the best
weights. `checkpoint`, `run_folder` and `run_log` write what stays. `check` looks a data set through beforehand.
"""
