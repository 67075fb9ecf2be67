"""Training: a recipe in, a weights file out.

recipe.py          the recipe
data.py            its pictures; batches.py: crops of them
degradation/       LR made of HR as photos are
start.py           the network at the first step
loop.py            the training loop
loss.py            L1; adversarial.py: the discriminator of a finishing stage
optimizer.py       AdamW, Muon, the moving average (EMA) of the weights
schedule.py        what the step decides: learning rate, crops, frozen BatchNorm
validation.py      PSNR-Y during training
checkpoint.py      the state of a run; run_folder.py, run_log.py: what else it leaves
distributed.py     several processes
step_speed.py      how long a step takes
check/             the check of a data set
"""
