"""What StyleGAN3 is made of: its plan of sizes and rates, its filters, and the filtered nonlinearity.

Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021): every feature map stands for a continuous
signal of limited bandwidth; a nonlinearity is applied at a higher sampling rate and its result is filtered before it
is sampled again, so that nothing sticks to the pixels.
"""
