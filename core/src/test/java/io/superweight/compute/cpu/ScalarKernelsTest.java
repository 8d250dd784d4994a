package io.superweight.compute.cpu;

final class ScalarKernelsTest extends JavaKernelsContract {
  @Override
  Kernels kernels(int threads) {
    return new ScalarKernels();
  }
}
