"""Every number: the cells, the networks, and what autograd measures of them. torch lives here and nowhere else."""
