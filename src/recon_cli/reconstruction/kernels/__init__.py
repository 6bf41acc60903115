"""What numba compiles: drawing and its gradients, the loss, neighbours, clusters. Imported only when needed."""
