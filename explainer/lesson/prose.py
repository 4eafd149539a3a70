"""The words around the sections: the promise, the aim and the references."""

PROMISE = r"""
A recurrent network learns from the past only as far back as its gradient reaches. Watch the gradients of one small
cell :orange[without a gate] and of one :blue[with a gate] live or die.
"""

AIM = r"""
Every number in every figure is computed by torch autograd for the settings that you choose, at the moment you choose
them.

**Afterwards you will be able to say** why the gradient of a :orange[vanilla] recurrent cell vanishes or explodes
with the lag, what a :blue[gate] puts in its place, why that helps, and where the usual short version of the story
is not quite true.

It follows the lab [*Gated cell
state*](https://github.com/umbcdata602/fall2020/blob/master/lab_gated_cell_state.ipynb) (UMBC DATA 602, fall 2020)
step by step.
"""

REFERENCES = r"""
- Bengio, Y., Simard, P. & Frasconi, P. (1994). Learning long-term dependencies with gradient descent is difficult.
  *IEEE Transactions on Neural Networks* 5(2).
- Cho, K., van Merriënboer, B., Gulcehre, C., Bahdanau, D., Bougares, F., Schwenk, H. & Bengio, Y. (2014). Learning
  phrase representations using RNN encoder–decoder for statistical machine translation. *EMNLP*.
- Chung, J., Gulcehre, C., Cho, K. & Bengio, Y. (2014). Empirical evaluation of gated recurrent neural networks on
  sequence modeling. arXiv:1412.3555.
- Feng, L., Tung, F., Ahmed, M. O., Bengio, Y. & Hajimirsadeghi, H. (2024). Were RNNs all we needed? arXiv:2410.01201.
- Gers, F. A., Schmidhuber, J. & Cummins, F. (2000). Learning to forget: continual prediction with LSTM.
  *Neural Computation* 12(10).
- Greff, K., Srivastava, R. K., Koutník, J., Steunebrink, B. R. & Schmidhuber, J. (2017). LSTM: a search space odyssey.
  *IEEE Transactions on Neural Networks and Learning Systems* 28(10).
- Gu, A. & Dao, T. (2023). Mamba: linear-time sequence modeling with selective state spaces. arXiv:2312.00752.
- He, K., Zhang, X., Ren, S. & Sun, J. (2016). Deep residual learning for image recognition. *CVPR*.
- Hochreiter, S. (1991). *Untersuchungen zu dynamischen neuronalen Netzen*. Diploma thesis, TU München.
- Hochreiter, S., Bengio, Y., Frasconi, P. & Schmidhuber, J. (2001). Gradient flow in recurrent nets: the difficulty of
  learning long-term dependencies. In *A Field Guide to Dynamical Recurrent Networks*, IEEE Press.
- Hochreiter, S. & Schmidhuber, J. (1997). Long short-term memory. *Neural Computation* 9(8).
- Jaeger, H., Lukoševičius, M., Popovici, D. & Siewert, U. (2007). Optimization and applications of echo state networks
  with leaky-integrator neurons. *Neural Networks* 20(3).
- Jozefowicz, R., Zaremba, W. & Sutskever, I. (2015). An empirical exploration of recurrent network architectures.
  *ICML*.
- Le, Q. V., Jaitly, N. & Hinton, G. E. (2015). A simple way to initialize recurrent networks of rectified linear units.
  arXiv:1504.00941.
- Linzen, T., Dupoux, E. & Goldberg, Y. (2016). Assessing the ability of LSTMs to learn syntax-sensitive dependencies.
  *Transactions of the ACL* 4.
- Micikevicius, P. et al. (2018). Mixed precision training. *ICLR*.
- Orvieto, A., Smith, S. L., Gu, A., Fernando, A., Gulcehre, C., Pascanu, R. & De, S. (2023). Resurrecting recurrent
  neural networks for long sequences. *ICML*.
- Pascanu, R., Mikolov, T. & Bengio, Y. (2013). On the difficulty of training recurrent neural networks. *ICML*, §2.1.
- Raschka, S. & Mirjalili, V. (2019). *Python Machine Learning*, 3rd edition, chapter 16. Packt.
- Saxe, A. M., McClelland, J. L. & Ganguli, S. (2014). Exact solutions to the nonlinear dynamics of learning in deep
  linear neural networks. *ICLR*.
- Srivastava, R. K., Greff, K. & Schmidhuber, J. (2015). Training very deep networks. *NeurIPS*.
- Tallec, C. & Ollivier, Y. (2018). Can recurrent neural networks warp time? *ICLR*.
- UMBC DATA 602 (fall 2020). *Gated cell state*, the lab that this page follows:
  [notebook](https://github.com/umbcdata602/fall2020/blob/master/lab_gated_cell_state.ipynb).
- Vaswani, A. et al. (2017). Attention is all you need. *NeurIPS*.
- Werbos, P. J. (1990). Backpropagation through time: what it does and how to do it. *Proceedings of the IEEE* 78(10).
- Williams, R. J. & Peng, J. (1990). An efficient gradient-based algorithm for on-line training of recurrent network
  trajectories. *Neural Computation* 2(4).
- Xiong, R. et al. (2020). On layer normalization in the transformer architecture. *ICML*.
- Zucchet, N. & Orvieto, A. (2024). Recurrent neural networks: vanishing and exploding gradients are not the end of the
  story. *NeurIPS*.
"""
