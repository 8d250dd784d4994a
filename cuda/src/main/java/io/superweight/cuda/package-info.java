/**
 * The device for NVIDIA GPUs: the driver's interface, NVRTC and cuBLASLt, all through FFM, none of
 * them needed to build it or where it is not used.
 */
package io.superweight.cuda;
