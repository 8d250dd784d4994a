package io.superweight.compute.cpu;

final class ScalarKernelsTest extends JavaKernelsContract {
  @Override
  Kernels kernels() {
    return new ScalarKernels();
  }

  @Override
  Product product(int threads) {
    return new ScalarProduct();
  }
}
