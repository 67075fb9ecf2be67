"""Training: a recipe in, a weights file out.

recipe.py          the recipe
data.py            its pictures; batches.py: crops of them
degradation/       blind degradation: realistic LR made from HR
start.py           the network at the first step
loop.py            the training loop
loss.py            L1; adversarial.py: the discriminator of the adversarial stage
optimizer.py       AdamW, Muon, the moving average (EMA) of the weights
schedule.py        learning rate, crops and frozen BatchNorm by step
validation.py      PSNR-Y during training
checkpoint.py      the state of a run; run_folder.py, run_log.py: its other files
distributed.py     several processes
step_speed.py      how long a step takes
check/             checks a training set
"""
