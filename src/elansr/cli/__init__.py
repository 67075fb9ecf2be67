"""The command `elansr`: each file named after a command parses its options, calls the library once and prints.

Commands: upscale.py, video.py, serve.py, batch.py, convert.py, export.py, info.py, evaluate.py, compare.py,
benchmark.py, train.py, check_data.py.

main.py              all commands, and how errors end
options.py           options shared by several commands
progress.py          progress bars; display.py: those of `elansr upscale`
usage.py             mistakes in a command, in one line; flags.py: names of Python arguments as flags
interrupts.py        Ctrl-C and termination
file_results.py      results as text and JSON; scores.py: those of an evaluation; benchmark_table.py: of a benchmark
"""
