"""Fine-tuning: a network is adapted to one's own labelled images and becomes a backbone `tuned:NAME` like any other.

`plan`: what is asked. `parts`: which images train, which of them stop the training, which are reported on. `losses`: a
table of what pulls a class together. `learners`: what moves (a head on stored vectors, the last stage on cached maps, all,
or LoRA) and what it is fed. `loop`: the training, in one file. `run`: all of it, from a dataset to a backbone. `figures`: the
tuned backbone beside the frozen one, on images that it never saw.
"""
