// The kernels of the CUDA device, compiled by NVRTC for the card at hand (flags: --fmad=false, so that a product and a sum round
// as written; where one rounding is meant, fmaf says so). Sums run in an order that depends on shapes alone: no atomics.
typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define FULL 0xffffffffu
#define NEGATIVE_INFINITY __int_as_float(0xff800000)
#define GLOBAL extern "C" __global__

// ---- numbers -------------------------------------------------------------------------------------------------------------
__device__ __forceinline__ float fromBf(u16 bits) { return __uint_as_float((u32)bits << 16); }

__device__ __forceinline__ u16 toBf(float value) {
  u16 bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ u32 pack(float low, float high) {
  u32 bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

__device__ __forceinline__ float lowOf(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float highOf(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

__device__ __forceinline__ float fromHalf(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

__device__ __forceinline__ float exp2Fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// ---- block types of GGUF: io.superweight.tensor.Dequantizer, element by element, in its order of products and sums -----------
enum { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K, IQ4_NL };

__constant__ float IQ4_NL_VALUES[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

__device__ __forceinline__ float halfAt(const u8* p) { return fromHalf((u16)(p[0] | p[1] << 8)); }
__device__ __forceinline__ u32 wordAt(const u8* p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }

__device__ __forceinline__ int scaleOf(const u8* s, int g) {
  return g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
}

__device__ __forceinline__ int minimumOf(const u8* s, int g) {
  return g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
}

__device__ float element(int type, const u8* data, i64 index) {
  switch (type) {
    case F32: return ((const float*)data)[index];
    case F16: return fromHalf(((const u16*)data)[index]);
    case BF16: return fromBf(((const u16*)data)[index]);
    case Q4_0: {
      const u8* b = data + index / 32 * 18;
      int i = index % 32, q = b[2 + i % 16];
      return (float)((i < 16 ? q & 15 : q >> 4) - 8) * halfAt(b);
    }
    case Q4_1: {
      const u8* b = data + index / 32 * 20;
      int i = index % 32, q = b[4 + i % 16];
      return (float)(i < 16 ? q & 15 : q >> 4) * halfAt(b) + halfAt(b + 2);
    }
    case Q5_0: {
      const u8* b = data + index / 32 * 22;
      int i = index % 32, q = b[6 + i % 16];
      int fifth = (wordAt(b + 2) >> i & 1) << 4;
      return (float)(((i < 16 ? q & 15 : q >> 4) | fifth) - 16) * halfAt(b);
    }
    case Q5_1: {
      const u8* b = data + index / 32 * 24;
      int i = index % 32, q = b[8 + i % 16];
      int fifth = (wordAt(b + 4) >> i & 1) << 4;
      return (float)((i < 16 ? q & 15 : q >> 4) | fifth) * halfAt(b) + halfAt(b + 2);
    }
    case Q8_0: {
      const u8* b = data + index / 32 * 34;
      return (float)(i8)b[2 + index % 32] * halfAt(b);
    }
    case Q2_K: {
      const u8* b = data + index / 256 * 84;
      int e = index % 256, g = e / 16, i = e % 16;
      float dl = halfAt(b + 80) * (float)(b[g] & 15);
      float ml = halfAt(b + 82) * (float)(b[g] >> 4);
      return dl * (float)(b[16 + 32 * (g / 8) + 16 * (g % 2) + i] >> 2 * (g % 8 / 2) & 3) - ml;
    }
    case Q3_K: {
      const u8* b = data + index / 256 * 110;
      int e = index % 256, g = e / 16, i = e % 16;
      int low = b[96 + g % 8] >> 4 * (g / 8) & 15;
      int high = b[104 + g % 4] >> 2 * (g / 4) & 3;
      float dl = halfAt(b + 108) * (float)((low | high << 4) - 32);
      int third = b[16 * (g % 2) + i] >> g / 2 & 1;
      int q = b[32 + 32 * (g / 8) + 16 * (g % 2) + i] >> 2 * (g % 8 / 2) & 3;
      return dl * (float)(q - (third == 0 ? 4 : 0));
    }
    case Q4_K: {
      const u8* b = data + index / 256 * 144;
      int e = index % 256, g = e / 32, i = e % 32;
      float dl = halfAt(b) * (float)scaleOf(b + 4, g);
      float ml = halfAt(b + 2) * (float)minimumOf(b + 4, g);
      return dl * (float)(b[16 + 32 * (g / 2) + i] >> 4 * (g % 2) & 15) - ml;
    }
    case Q5_K: {
      const u8* b = data + index / 256 * 176;
      int e = index % 256, g = e / 32, i = e % 32;
      float dl = halfAt(b) * (float)scaleOf(b + 4, g);
      float ml = halfAt(b + 2) * (float)minimumOf(b + 4, g);
      int fifth = (b[16 + i] >> g & 1) << 4;
      return dl * (float)((b[48 + 32 * (g / 2) + i] >> 4 * (g % 2) & 15) | fifth) - ml;
    }
    case Q6_K: {
      const u8* b = data + index / 256 * 210;
      int e = index % 256, quarter = e / 32, i = e % 32;
      int low = b[64 * (quarter / 4) + 32 * (quarter % 2) + i] >> 4 * (quarter % 4 / 2) & 15;
      int high = (b[128 + 32 * (quarter / 4) + i] >> 2 * (quarter % 4) & 3) << 4;
      return halfAt(b + 208) * (float)(i8)b[192 + 2 * quarter + i / 16] * (float)((low | high) - 32);
    }
    case Q8_K: {
      const u8* b = data + index / 256 * 292;
      return __uint_as_float(wordAt(b)) * (float)(i8)b[4 + index % 256];
    }
    default: {
      const u8* b = data + index / 32 * 18;
      int i = index % 32, q = b[2 + i % 16];
      return halfAt(b) * IQ4_NL_VALUES[i < 16 ? q & 15 : q >> 4];
    }
  }
}

/** Elements of any type as float32. */
GLOBAL void decode(int type, const u8* data, float* out, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    out[i] = element(type, data, i);
  }
}

/** out[i, :] = table[ids[i], :]; one block a row. */
GLOBAL void embed(int type, const u8* table, const int* ids, float* out, int cols, int transposedRows) {
  i64 row = ids[blockIdx.x];
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    i64 at = transposedRows > 0 ? (i64)c * transposedRows + row : row * cols + c;
    out[(i64)blockIdx.x * cols + c] = element(type, table, at);
  }
}

/** differs = 1 where any word does. */
GLOBAL void compare(const u32* a, const u32* b, int* differs, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    if (a[i] != b[i]) {
      *differs = 1;
    }
  }
}

// ---- float32 and bfloat16 -------------------------------------------------------------------------------------------------
GLOBAL void widen(const u16* in, float* out, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    out[i] = fromBf(in[i]);
  }
}

GLOBAL void narrow(const float* in, u16* out, i64 count) {
  i64 fours = count / 4;
  i64 step = (i64)gridDim.x * blockDim.x;
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < fours; i += step) {
    float4 v = ((const float4*)in)[i];
    ((uint2*)out)[i] = make_uint2(pack(v.x, v.y), pack(v.z, v.w));
  }
  if (blockIdx.x == 0 && threadIdx.x < count % 4) {
    out[4 * fours + threadIdx.x] = toBf(in[4 * fours + threadIdx.x]);
  }
}

/** As narrow, for whatever does not begin at a multiple of four elements. */
GLOBAL void narrowAnywhere(const float* in, u16* out, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    out[i] = toBf(in[i]);
  }
}

// ---- element by element ---------------------------------------------------------------------------------------------------
GLOBAL void addBias(float* y, const float* bias, i64 count, int cols) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    y[i] += bias[i % cols];
  }
}

GLOBAL void add(float* y, const float* x, float factor, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    y[i] = y[i] + factor * x[i];
  }
}

GLOBAL void scale(float* x, float factor, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    x[i] *= factor;
  }
}

GLOBAL void clampTo(float* x, float limit, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    float v = x[i];
    x[i] = v < -limit ? -limit : v > limit ? limit : v; // NaN stays
  }
}

GLOBAL void softcap(float* x, float cap, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    x[i] = cap * tanhf(x[i] / cap);
  }
}

GLOBAL void copyColumns(const float* from, int fromCols, int fromColumn, float* to, int toCols, int toColumn, int count) {
  i64 row = blockIdx.y * (i64)gridDim.z + blockIdx.z;
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c < count) {
    to[row * toCols + toColumn + c] = from[row * fromCols + fromColumn + c];
  }
}

/** x[rows[i], columns[i]] = values[i], no element twice. */
GLOBAL void put(float* x, int cols, const int* rows, const int* columns, const float* values, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    x[(i64)rows[i] * cols + columns[i]] = values[i];
  }
}

GLOBAL void gatherRows(const float* x, const int* rows, float* out, int cols) {
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    out[(i64)blockIdx.x * cols + c] = x[(i64)rows[blockIdx.x] * cols + c];
  }
}

/** No row comes twice. */
GLOBAL void scatterDistinct(const float* x, const int* rows, const float* factors, float* y, int cols) {
  float factor = factors[blockIdx.x];
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    i64 at = (i64)rows[blockIdx.x] * cols + c;
    y[at] = y[at] + factor * x[(i64)blockIdx.x * cols + c];
  }
}

/** Rows may come several times, and are added in their order. */
GLOBAL void scatterInOrder(const float* x, const int* rows, const float* factors, float* y, int count, int cols) {
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c < cols) {
    for (int i = 0; i < count; i++) {
      i64 at = (i64)rows[i] * cols + c;
      y[at] = y[at] + factors[i] * x[(i64)i * cols + c];
    }
  }
}

__device__ float activated(int kind, float x) {
  switch (kind) {
    case 0: return x / (1 + expf(-x)); // SiLU
    case 1: return (float)(0.5 * x * erfc(-(double)x * 0.70710678118654752440)); // GELU
    case 2: { // x · (1 + tanh u)/2 = x / (1 + exp(−2u)), the argument in float64: the exponential passes its error on
      double u = 0.79788456080286535588 * (x + 0.044715 * (double)x * x * x);
      double a = -2 * u;
      a = a < -200 ? -200 : a > 200 ? 200 : a;
      float high = (float)a;
      float e = expf(high);
      e = isinf(e) ? e : e * (float)(1 + (a - high));
      return x / (1 + e);
    }
    case 3: return x > 0 ? x : x != x ? x : 0;
    default: return x > 0 ? x * x : x != x ? x : 0;
  }
}

GLOBAL void activate(int kind, float* x, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    x[i] = activated(kind, x[i]);
  }
}

GLOBAL void gate(int kind, float* gate, const float* up, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    gate[i] = activated(kind, gate[i]) * up[i];
  }
}

/** In place in bfloat16; up is null for a plain activation. */
GLOBAL void gateRounded(int kind, u16* gate, const u16* up, i64 count) {
  i64 eights = count / 8;
  i64 step = (i64)gridDim.x * blockDim.x;
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < eights; i += step) {
    uint4 g = ((uint4*)gate)[i];
    u32* gs = (u32*)&g;
    uint4 u = up ? ((const uint4*)up)[i] : make_uint4(0x3f803f80u, 0x3f803f80u, 0x3f803f80u, 0x3f803f80u); // ones
    u32* us = (u32*)&u;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float low, high;
      if (kind == 0) { // its result is rounded to 8 bits: the fast division and exponential are exact enough
        float a = lowOf(gs[j]), b = highOf(gs[j]);
        low = __fdividef(a, 1 + __expf(-a));
        high = __fdividef(b, 1 + __expf(-b));
        low = a < -80 ? 0 : low; // __fdividef gives 0 or NaN beyond 2^126
        high = b < -80 ? 0 : high;
        low = a != a ? a : low;
        high = b != b ? b : high;
      } else {
        low = activated(kind, lowOf(gs[j]));
        high = activated(kind, highOf(gs[j]));
      }
      gs[j] = pack(low * lowOf(us[j]), high * highOf(us[j]));
    }
    ((uint4*)gate)[i] = g;
  }
  if (blockIdx.x == 0 && threadIdx.x < count % 8) {
    i64 i = 8 * eights + threadIdx.x;
    gate[i] = toBf(activated(kind, fromBf(gate[i])) * (up ? fromBf(up[i]) : 1));
  }
}

// ---- norms: a block of 256 threads a row ----------------------------------------------------------------------------------
__device__ double sumOfBlock(double value) {
  __shared__ double partial[32];
  for (int s = 16; s > 0; s >>= 1) {
    value += __shfl_xor_sync(FULL, value, s);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  double sum = 0;
  for (int w = 0; w < blockDim.x / 32; w++) {
    sum += partial[w];
  }
  return sum;
}

__device__ __forceinline__ float normed(float x, float inverse, const float* weight, float offset, int c) {
  float normal = x * inverse;
  return weight ? normal * (weight[c] + offset) : normal;
}

/** In float32 where that cannot overflow: the reciprocal root in float64 takes longer than the row. */
__device__ __forceinline__ float inverseRoot(double squares, int cols, float epsilon) {
  float mean = (float)squares / cols;
  return mean < 1e37f ? 1 / sqrtf(mean + epsilon) : (float)(1 / sqrt(squares / cols + epsilon));
}

/** A row of N · 512 values stays in the registers of 128 threads. Parameters as of rmsNorm. */
template <int N>
__device__ __forceinline__ void rmsNormHeld(float* x, const float* added, float factor, const float* weight, float offset,
    float epsilon, float* out32, u16* out16) {
  const int cols = N * 512;
  i64 base = (i64)blockIdx.x * cols;
  float4 v[N];
  float sum = 0;
#pragma unroll
  for (int j = 0; j < N; j++) {
    v[j] = ((const float4*)(x + base))[j * 128 + threadIdx.x];
  }
  if (added) {
#pragma unroll
    for (int j = 0; j < N; j++) {
      float4 a = ((const float4*)(added + base))[j * 128 + threadIdx.x];
      v[j].x = v[j].x + factor * a.x;
      v[j].y = v[j].y + factor * a.y;
      v[j].z = v[j].z + factor * a.z;
      v[j].w = v[j].w + factor * a.w;
      ((float4*)(x + base))[j * 128 + threadIdx.x] = v[j];
    }
  }
#pragma unroll
  for (int j = 0; j < N; j++) {
    sum = fmaf(v[j].x, v[j].x, sum);
    sum = fmaf(v[j].y, v[j].y, sum);
    sum = fmaf(v[j].z, v[j].z, sum);
    sum = fmaf(v[j].w, v[j].w, sum);
  }
  float inverse = inverseRoot(sumOfBlock(sum), cols, epsilon);
#pragma unroll
  for (int j = 0; j < N; j++) {
    int c = 4 * (j * 128 + threadIdx.x);
    float4 w = weight ? *(const float4*)(weight + c) : make_float4(1, 1, 1, 1);
    float o = weight ? offset : 0;
    float4 r = make_float4(v[j].x * inverse * (w.x + o), v[j].y * inverse * (w.y + o), v[j].z * inverse * (w.z + o),
        v[j].w * inverse * (w.w + o));
    if (out16) {
      ((uint2*)(out16 + base))[c / 4] = make_uint2(pack(r.x, r.y), pack(r.z, r.w));
    } else {
      ((float4*)(out32 + base))[c / 4] = r;
    }
  }
}

#define RMS_NORM_HELD(N, COLS)                                                                                                  \
  GLOBAL void __launch_bounds__(128) rmsNorm##COLS(float* x, const float* added, float factor, const float* weight,             \
      float offset, float epsilon, float* out32, u16* out16, int cols) {                                                        \
    rmsNormHeld<N>(x, added, factor, weight, offset, epsilon, out32, out16);                                                    \
  }
RMS_NORM_HELD(2, 1024)
RMS_NORM_HELD(4, 2048)
RMS_NORM_HELD(6, 3072)
RMS_NORM_HELD(8, 4096)
RMS_NORM_HELD(10, 5120)
RMS_NORM_HELD(16, 8192)

/** out32 or out16; before it, where added is not null, x += factor · added. */
GLOBAL void rmsNorm(float* x, const float* added, float factor, const float* weight, float offset, float epsilon, float* out32,
    u16* out16, int cols) {
  i64 base = (i64)blockIdx.x * cols;
  double squares = 0;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float value = x[base + c];
    if (added) {
      value = value + factor * added[base + c];
      x[base + c] = value;
    }
    squares += (double)value * value;
  }
  float inverse = inverseRoot(sumOfBlock(squares), cols, epsilon);
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float r = normed(x[base + c], inverse, weight, offset, c);
    if (out16) {
      out16[base + c] = toBf(r);
    } else {
      out32[base + c] = r;
    }
  }
}

GLOBAL void layerNorm(float* x, const float* added, float factor, const float* weight, const float* bias, float epsilon,
    float* out32, u16* out16, int cols) {
  i64 base = (i64)blockIdx.x * cols;
  double sum = 0;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float value = x[base + c];
    if (added) {
      value = value + factor * added[base + c];
      x[base + c] = value;
    }
    sum += value;
  }
  double mean = sumOfBlock(sum) / cols;
  double squares = 0;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    double value = x[base + c] - mean;
    squares += value * value;
  }
  double inverse = 1 / sqrt(sumOfBlock(squares) / cols + epsilon);
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float normal = (float)((x[base + c] - mean) * inverse);
    float scaled = weight ? normal * weight[c] : normal;
    float r = bias ? scaled + bias[c] : scaled;
    if (out16) {
      out16[base + c] = toBf(r);
    } else {
      out32[base + c] = r;
    }
  }
}

// ---- rotary embedding: a block a row ----------------------------------------------------------------------------------------
GLOBAL void rope(float* x32, u16* x16, int cols, int headDim, const float* cos, const float* sin, const int* positions, int pairs,
    int interleaved) {
  i64 base = (i64)blockIdx.x * cols;
  i64 table = (i64)positions[blockIdx.x] * pairs;
  int heads = cols / headDim;
  if (x16 && !interleaved && pairs % 8 == 0 && headDim % 8 == 0) { // eight neighbouring pairs a thread
    int eights = pairs / 8;
    for (int t = threadIdx.x; t < heads * eights; t += blockDim.x) {
      int head = t / eights, i = 8 * (t % eights);
      uint4* first = (uint4*)(x16 + base + head * headDim + i);
      uint4* second = (uint4*)(x16 + base + head * headDim + i + pairs);
      uint4 as = *first, bs = *second;
      u32* a = (u32*)&as;
      u32* b = (u32*)&bs;
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        float4 c = *(const float4*)(cos + table + i + 2 * j), n = *(const float4*)(sin + table + i + 2 * j);
        u32 p = a[j], q = b[j], r = a[j + 1], s = b[j + 1];
        a[j] = pack(lowOf(p) * c.x - lowOf(q) * n.x, highOf(p) * c.y - highOf(q) * n.y);
        b[j] = pack(lowOf(q) * c.x + lowOf(p) * n.x, highOf(q) * c.y + highOf(p) * n.y);
        a[j + 1] = pack(lowOf(r) * c.z - lowOf(s) * n.z, highOf(r) * c.w - highOf(s) * n.w);
        b[j + 1] = pack(lowOf(s) * c.z + lowOf(r) * n.z, highOf(s) * c.w + highOf(r) * n.w);
      }
      *first = as;
      *second = bs;
    }
    return;
  }
  if (x16 && !interleaved && pairs % 2 == 0 && headDim % 2 == 0) { // two neighbouring pairs a thread
    int half = pairs / 2;
    for (int t = threadIdx.x; t < heads * half; t += blockDim.x) {
      int head = t / half, i = 2 * (t % half);
      u32* first = (u32*)(x16 + base + head * headDim + i);
      u32* second = (u32*)(x16 + base + head * headDim + i + pairs);
      float2 c = *(const float2*)(cos + table + i), s = *(const float2*)(sin + table + i);
      u32 a = *first, b = *second;
      *first = pack(lowOf(a) * c.x - lowOf(b) * s.x, highOf(a) * c.y - highOf(b) * s.y);
      *second = pack(lowOf(b) * c.x + lowOf(a) * s.x, highOf(b) * c.y + highOf(a) * s.y);
    }
    return;
  }
  for (int t = threadIdx.x; t < heads * pairs; t += blockDim.x) {
    int head = t / pairs, i = t % pairs;
    i64 first = base + head * headDim + (interleaved ? 2 * i : i);
    i64 second = first + (interleaved ? 1 : pairs);
    float c = cos[table + i], s = sin[table + i];
    float a = x16 ? fromBf(x16[first]) : x32[first];
    float b = x16 ? fromBf(x16[second]) : x32[second];
    float newA = a * c - b * s, newB = b * c + a * s;
    if (x16) {
      x16[first] = toBf(newA);
      x16[second] = toBf(newB);
    } else {
      x32[first] = newA;
      x32[second] = newB;
    }
  }
}

// ---- products where the library has none, and one channel alone -------------------------------------------------------------
/** y[m, n] = Σ x[m, k] · W[n, k]; x in bfloat16 where x16 is not null. A warp an element. */
GLOBAL void plainProduct(const float* x32, const u16* x16, int type, const u8* w, int transposed, float* y, int m, int n, int k,
    int yCols) {
  i64 warp = (blockIdx.x * (i64)blockDim.x + threadIdx.x) / 32;
  if (warp >= (i64)m * n) {
    return;
  }
  i64 row = warp / n, column = warp % n;
  float sum = 0;
  for (int i = threadIdx.x % 32; i < k; i += 32) {
    float a = x16 ? fromBf(x16[row * k + i]) : x32[row * k + i];
    sum = fmaf(a, element(type, w, transposed ? (i64)i * n + column : column * k + i), sum);
  }
  for (int s = 16; s > 0; s >>= 1) {
    sum += __shfl_xor_sync(FULL, sum, s);
  }
  if (threadIdx.x % 32 == 0) {
    y[row * yCols + column] = sum;
  }
}

/** y[m, column] = Σ x[m, k] · weights[k], x rounded to bfloat16 where asked; a warp a row. */
GLOBAL void column(const float* x32, const u16* x16, const float* weights, float* y, int rows, int k, int yCols, int column) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
  if (row >= rows) {
    return;
  }
  float sum = 0;
  for (int i = threadIdx.x % 32; i < k; i += 32) {
    float a = x16 ? fromBf(x16[(i64)row * k + i]) : x32[(i64)row * k + i];
    sum = fmaf(a, weights[i], sum);
  }
  for (int s = 16; s > 0; s >>= 1) {
    sum += __shfl_xor_sync(FULL, sum, s);
  }
  if (threadIdx.x % 32 == 0) {
    y[(i64)row * yCols + column] = sum;
  }
}

// ---- products of 8-bit integers ----------------------------------------------------------------------------------------------
/** The largest magnitude of each row, NaN where it holds one; a block a row. */
GLOBAL void largest(const float* x, float* result, int cols) {
  __shared__ float partial[32];
  const float* row = x + (i64)blockIdx.x * cols;
  float most = 0;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float v = fabsf(row[c]);
    most = v > most || v != v ? v : most;
    most = row[c] != row[c] ? row[c] : most;
  }
  for (int s = 16; s > 0; s >>= 1) {
    float other = __shfl_xor_sync(FULL, most, s);
    most = most != most ? most : other != other || other > most ? other : most;
  }
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = most;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < blockDim.x / 32; w++) {
      float other = partial[w];
      most = most != most ? most : other != other || other > most ? other : most;
    }
    result[blockIdx.x] = most;
  }
}

/** Codes of x, [rows, stored] with zeros behind column cols; one block a row. */
GLOBAL void codes(const float* x, const float* scales, int most, i8* out, int cols, int stored) {
  i64 row = blockIdx.x;
  float scale = scales[row];
  for (int c = 4 * threadIdx.x; c < stored; c += 4 * blockDim.x) { // stored: a multiple of 32
    u32 four = 0;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float code = c + j < cols && scale > 0 ? rintf(x[row * cols + c + j] / scale) : 0;
      int bounded = code != code ? 0 : (int)fminf(fmaxf(code, -most), most);
      four |= (u32)(bounded & 255) << 8 * j;
    }
    *(u32*)(out + row * stored + c) = four;
  }
}

/** Where the library has no such product. Rows of k codes, k a multiple of four. */
GLOBAL void integerSums(const i8* x, const i8* w, int* sums, int n, int k, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    const int* a = (const int*)(x + i / n * k);
    const int* b = (const int*)(w + i % n * k);
    int sum = 0;
    for (int j = 0; j < k / 4; j++) {
      sum = __dp4a(a[j], b[j], sum);
    }
    sums[i] = sum;
  }
}

/** y[m, n] = (sums[m, n] · xScales[m]) · wScales[n], whose sums have rows of stored columns; one block a row. */
GLOBAL void scaleSums(const int* sums, const float* xScales, const float* wScales, float* y, int stored, int cols) {
  i64 row = blockIdx.x;
  float scale = xScales[row];
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    y[row * cols + c] = (float)sums[row * stored + c] * scale * wScales[c];
  }
}

GLOBAL void scaleColumns(float* y, const float* factors, int cols, i64 count) {
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < count; i += (i64)gridDim.x * blockDim.x) {
    y[i] *= factors[i % cols];
  }
}

// ---- soft-max of logits: a block of 256 threads a row -------------------------------------------------------------------------
struct Best {
  float value;
  int index;
};

__device__ __forceinline__ Best better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

__device__ Best bestOfBlock(Best best) {
  __shared__ Best partial[32];
  for (int s = 16; s > 0; s >>= 1) {
    Best other = {__shfl_xor_sync(FULL, best.value, s), __shfl_xor_sync(FULL, best.index, s)};
    best = better(best, other);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = best;
  }
  __syncthreads();
  best = partial[0];
  for (int w = 1; w < blockDim.x / 32; w++) {
    best = better(best, partial[w]);
  }
  return best;
}

/** What a row of logits amounts to: the largest value, its first column, log Σ exp. */
struct RowFacts {
  Best best;
  double logSumExp;
};

/** One thread's part of a row, the sum relative to the largest value so far. */
struct Running {
  Best best;
  float sum;

  __device__ __forceinline__ void take(float x0, float x1, float x2, float x3, int c) {
    float most = fmaxf(fmaxf(x0, x1), fmaxf(x2, x3));
    if (most > best.value) {
      sum *= expf(best.value - most);
      best.value = most;
      best.index = x0 == most ? c : x1 == most ? c + 1 : x2 == most ? c + 2 : c + 3;
    }
    if (best.value != NEGATIVE_INFINITY || x0 != x0 || x1 != x1 || x2 != x2 || x3 != x3) {
      sum += (expf(x0 - best.value) + expf(x1 - best.value)) + (expf(x2 - best.value) + expf(x3 - best.value));
    }
  }
};

/** A NaN is the largest only in column 0, and makes the sum one. */
__device__ RowFacts factsOfRow(const float* x, int cols) {
  Running mine = {{NEGATIVE_INFINITY, 0x7fffffff}, 0};
  int fours = cols % 4 == 0 && ((u64)x & 15) == 0 ? cols / 4 : 0;
  for (int i = threadIdx.x; i < fours; i += blockDim.x) {
    float4 v = ((const float4*)x)[i];
    mine.take(v.x, v.y, v.z, v.w, 4 * i);
  }
  for (int c = 4 * fours + threadIdx.x; c < cols; c += blockDim.x) {
    mine.take(x[c], NEGATIVE_INFINITY, NEGATIVE_INFINITY, NEGATIVE_INFINITY, c);
  }
  Best best = bestOfBlock(mine.best);
  double part = mine.sum == 0 ? 0 : mine.sum * (double)expf(mine.best.value - best.value);
  if (mine.sum != mine.sum) {
    part = mine.sum;
  }
  RowFacts facts;
  facts.logSumExp = best.value + log(sumOfBlock(part));
  if (x[0] != x[0] || best.index == 0x7fffffff) {
    best.value = x[0];
    best.index = 0;
  }
  facts.best = best;
  return facts;
}

GLOBAL void logitBlock(const float* x, const int* targets, double* logSumExp, int* argMax, float* largest, float* target, int cols) {
  const float* row = x + (i64)blockIdx.x * cols;
  RowFacts facts = factsOfRow(row, cols);
  if (threadIdx.x == 0) {
    logSumExp[blockIdx.x] = facts.logSumExp;
    argMax[blockIdx.x] = facts.best.index;
    largest[blockIdx.x] = facts.best.value;
    int t = targets[blockIdx.x];
    target[blockIdx.x] = t < 0 ? __int_as_float(0x7fc00000) : row[t];
  }
}

GLOBAL void argMaxRows(const float* x, int* result, int cols) {
  Best best = factsOfRow(x + (i64)blockIdx.x * cols, cols).best;
  if (threadIdx.x == 0) {
    result[blockIdx.x] = best.index;
  }
}

GLOBAL void divergence(const float* p, const float* q, double* result, int cols) {
  const float* a = p + (i64)blockIdx.x * cols;
  const float* b = q + (i64)blockIdx.x * cols;
  double pLog = factsOfRow(a, cols).logSumExp;
  double qLog = factsOfRow(b, cols).logSumExp;
  double sum = 0;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    double logP = a[c] - pLog;
    float probability = expf((float)logP);
    if (probability > 0 || probability != probability) {
      sum += probability * (logP - (b[c] - qLog));
    }
  }
  sum = sumOfBlock(sum);
  if (threadIdx.x == 0) {
    result[blockIdx.x] = sum;
  }
}

// ---- attention in float32 -----------------------------------------------------------------------------------------------------
struct Tile { // a block of queries of one sequence
  int queryRow, queries, keyRow, position; // position: that of the first of these queries among the keys
};

/**
 * 32 queries of one head, keys and values 32 at a time. Four neighbouring threads share a query. What a query does not see is
 * not even multiplied: 0 · inf is NaN. Shared memory: 3 · 32 · (d + 1) + 32 · 33 floats.
 */
template <int COLUMNS>
__device__ void attend(const float* q, const float* k, const float* v, float* out, const Tile* tiles, int heads, int keyHeads, int d,
    float scale, float cap, int window) {
  extern __shared__ float shared[];
  int stride = d + 1;
  float* qs = shared;
  float* ks = qs + 32 * stride;
  float* vs = ks + 32 * stride;
  float* ps = vs + 32 * stride;
  Tile tile = tiles[blockIdx.x];
  int head = blockIdx.y, keyHead = head * keyHeads / heads;
  int row = threadIdx.x / 4, lane = threadIdx.x % 4;
  int last = tile.position + row; // the last key that this query sees
  int first = window == 0 ? 0 : max(0, last - window + 1);
  for (int i = threadIdx.x; i < 32 * d; i += 128) {
    int r = i / d, c = i % d;
    qs[r * stride + c] = r < tile.queries ? q[((i64)(tile.queryRow + r) * heads + head) * d + c] : 0;
  }
  float sum[COLUMNS];
#pragma unroll
  for (int c = 0; c < COLUMNS; c++) {
    sum[c] = 0;
  }
  float most = NEGATIVE_INFINITY, total = 0;
  int end = tile.position + tile.queries;
  int start = window == 0 ? 0 : max(0, tile.position - window + 1) / 32 * 32;
  for (int from = start; from < end; from += 32) {
    __syncthreads();
    for (int i = threadIdx.x; i < 32 * d; i += 128) {
      int r = i / d, c = i % d;
      bool there = from + r < end;
      i64 at = ((i64)(tile.keyRow + from + r) * keyHeads + keyHead) * d + c;
      ks[r * stride + c] = there ? k[at] : 0;
      vs[r * stride + c] = there ? v[at] : 0;
    }
    __syncthreads();
    int low = max(first - from, 0), high = min(last - from, 31); // the keys of this block that the query sees
    if (row >= tile.queries) {
      high = -1;
    }
    float best = NEGATIVE_INFINITY;
    int none = 0; // whether a score is not a number; every thread takes part in each exchange
    for (int j = lane; j < 32; j += 4) {
      float score = NEGATIVE_INFINITY;
      if (low <= j && j <= high) {
        score = 0;
        for (int c = 0; c < d; c++) {
          score = fmaf(qs[row * stride + c], ks[j * stride + c], score);
        }
        score *= scale;
        if (cap > 0) {
          score = cap * tanhf(score / cap);
        }
        none |= score != score;
      }
      ps[row * 33 + j] = score;
      best = fmaxf(best, score);
    }
    best = fmaxf(best, __shfl_xor_sync(FULL, best, 1));
    best = fmaxf(best, __shfl_xor_sync(FULL, best, 2));
    none |= __shfl_xor_sync(FULL, none, 1);
    none |= __shfl_xor_sync(FULL, none, 2);
    if (low <= high) {
      float now = none ? __int_as_float(0x7fc00000) : fmaxf(most, best);
      now = most != most ? most : now;
      float keep = most == NEGATIVE_INFINITY && now == now ? 0 : expf(most - now);
      float added = 0;
      for (int j = lane; j < 32; j += 4) {
        float p = low <= j && j <= high ? expf(ps[row * 33 + j] - now) : 0;
        ps[row * 33 + j] = p;
        added += p;
      }
      most = now;
      total = total * keep + added;
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
        sum[c] *= keep;
      }
    }
    __syncwarp();
    for (int j = low; j <= high; j++) {
      float p = ps[row * 33 + j];
#pragma unroll
      for (int c = 0; c < COLUMNS; c++) {
        if (4 * c + lane < d) {
          sum[c] = fmaf(p, vs[j * stride + 4 * c + lane], sum[c]);
        }
      }
    }
  }
  total += __shfl_xor_sync(FULL, total, 1);
  total += __shfl_xor_sync(FULL, total, 2);
  if (row < tile.queries) {
    i64 at = ((i64)(tile.queryRow + row) * heads + head) * d;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      if (4 * c + lane < d) {
        out[at + 4 * c + lane] = sum[c] / total;
      }
    }
  }
}

#define ATTEND(NAME, COLUMNS)                                                                                                   \
  GLOBAL void __launch_bounds__(128) NAME(const float* q, const float* k, const float* v, float* out, const Tile* tiles,        \
      int heads, int keyHeads, int d, float scale, float cap, int window) {                                                     \
    attend<COLUMNS>(q, k, v, out, tiles, heads, keyHeads, d, scale, cap, window);                                               \
  }
ATTEND(attend64, 16)
ATTEND(attend128, 32)
ATTEND(attend256, 64)

// ---- attention in bfloat16 on the matrix units of Hopper (wgmma) ---------------------------------------------
__device__ __forceinline__ u32 sharedAddress(const void* p) { return (u32)__cvta_generic_to_shared(p); }

#if __CUDA_ARCH_FEAT_SM90_ALL
#define WGMMA 1
#endif

#ifdef WGMMA
/** A matrix in shared memory as above: 1 024 bytes to 8 rows; lead is the distance of columns of 64 where rows are summed over. */
__device__ __forceinline__ u64 describe(u32 address, u32 lead) {
  return (u64)((address & 0x3ffff) >> 4) | (u64)(lead >> 4) << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}

__device__ __forceinline__ void fenceProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commitProducts() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int LEFT>
__device__ __forceinline__ void awaitProducts() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory"); }

#define R8(A, I) "+f"(A[I]), "+f"(A[I + 1]), "+f"(A[I + 2]), "+f"(A[I + 3]), "+f"(A[I + 4]), "+f"(A[I + 5]), "+f"(A[I + 6]), "+f"(A[I + 7])

/** o[64 × 128] += p[64 × 16] · v[16 × 128], p in registers. */
__device__ __forceinline__ void values128(float* o, const u32* p, u64 v) {
  asm volatile(
      "{\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, 1, 1, 1, 1;\n}\n"
      : R8(o, 0), R8(o, 8), R8(o, 16), R8(o, 24), R8(o, 32), R8(o, 40), R8(o, 48), R8(o, 56)
      : "r"(p[0]), "r"(p[1]), "r"(p[2]), "r"(p[3]), "l"(v));
}

/** o[64 × 64] += p[64 × 16] · v[16 × 64]. */
__device__ __forceinline__ void values64(float* o, const u32* p, u64 v) {
  asm volatile(
      "{\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
      "{%32, %33, %34, %35}, %36, 1, 1, 1, 1;\n}\n"
      : R8(o, 0), R8(o, 8), R8(o, 16), R8(o, 24)
      : "r"(p[0]), "r"(p[1]), "r"(p[2]), "r"(p[3]), "l"(v));
}
/** Keeps the compiler from moving what reads or writes these across a wait. */
template <int N>
__device__ __forceinline__ void settle(float* r) {
#pragma unroll
  for (int i = 0; i < N; i++) {
    asm volatile("" : "+f"(r[i])::"memory");
  }
}

/** s[64 × 128] = (0 or s +) q[64 × 16] · k[128 × 16]ᵀ, both in shared memory. */
__device__ __forceinline__ void scores128(float* s, u64 q, u64 k, int keep) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, p, 1, 1, 0, 0;\n}\n"
      : R8(s, 0), R8(s, 8), R8(s, 16), R8(s, 24), R8(s, 32), R8(s, 40), R8(s, 48), R8(s, 56)
      : "l"(q), "l"(k), "r"(keep));
}

/** Masks and exponentials of 16 rows × KEYS in a warp's registers; keep is what earlier sums shrink by. */
template <int KEYS, bool CAPPED>
__device__ __forceinline__ void weigh(float* s, float* most, float* total, float* keep, int from, int first0, int last0, bool mask,
    float scaleLog2, float cap) {
  int lane = threadIdx.x % 32;
  if (CAPPED) {
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) {
      s[i] = cap * 1.44269504f * tanhf(s[i] * scaleLog2);
    }
    scaleLog2 = 1;
  }
  if (mask) {
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) {
      int key = from + i / 4 * 8 + lane % 4 * 2 + i % 2;
      int shift = i % 4 < 2 ? 0 : 8;
      s[i] = first0 + shift <= key && key <= last0 + shift ? s[i] : NEGATIVE_INFINITY;
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float best = most[half];
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) {
      best = fmaxf(best, s[i / 2 * 4 + half * 2 + i % 2]);
    }
    best = fmaxf(best, __shfl_xor_sync(FULL, best, 1));
    best = fmaxf(best, __shfl_xor_sync(FULL, best, 2));
    float base = best == NEGATIVE_INFINITY ? 0 : best * scaleLog2;
    keep[half] = exp2Fast(fmaf(most[half], scaleLog2, -base));
    most[half] = best;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) {
      int at = i / 2 * 4 + half * 2 + i % 2;
      s[at] = exp2Fast(fmaf(s[at], scaleLog2, -base));
      sum += s[at];
    }
    total[half] = fmaf(total[half], keep[half], sum);
  }
}

/** What the copy engine needs to know of a matrix (CUtensorMap). */
struct __align__(64) TensorMap {
  u64 words[16];
};

__device__ __forceinline__ void initBarrier(u32 at, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}

__device__ __forceinline__ void expectBytes(u32 at, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
}

__device__ __forceinline__ void arrive(u32 at) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory"); }

__device__ __forceinline__ void awaitBarrier(u32 at, u32 parity) {
  asm volatile(
      "{\n.reg .pred p;\nAGAIN:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
      "@p bra DONE;\nbra AGAIN;\nDONE:\n}\n" ::"r"(at), "r"(parity)
      : "memory");
}

/** Rows from y on, 64 columns from x on, of as many rows as the map says: rows of 128 bytes, the 16-byte pieces of row r in the
 * order p ^ (r mod 8). What lies beyond the matrix becomes zero. */
__device__ __forceinline__ void bring(u32 to, const TensorMap* map, int x, int y, u32 barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(to), "l"(map),
      "r"(x), "r"(y), "r"(barrier)
      : "memory");
}

/**
 * A block takes its part of the list: work is tile · heads + head, begins where each block's part begins. One thread brings
 * queries, keys and values; two groups of four warps multiply 64 queries each with KEYS keys at a time, the scores of a piece while
 * the values of the one before it are added, its weights meanwhile; one group multiplies while the other makes weights.
 * Shared memory: (256 + 4 · KEYS) · D elements, and 1 152 bytes.
 */
template <int D, int KEYS, bool CAPPED>
__device__ __forceinline__ void attendRounded(const TensorMap* queryMap, const TensorMap* keyMap, const TensorMap* valueMap, u16* out,
    const Tile* tiles, const int* work, const int* begins, int heads, int keyHeads, float scaleLog2, float cap, int window) {
  extern __shared__ float shared[];
  const u32 OWN = 64 * D * 2, PIECE = KEYS * D * 2;
  u32 qs = (sharedAddress(shared) + 1023) & ~1023u;
  u32 ks = qs + 4 * OWN, vs = ks + 2 * PIECE;
  u32 queriesThere = vs + 2 * PIECE, queriesDone = queriesThere + 16, keysThere = queriesDone + 16, keysDone = keysThere + 16,
      valuesThere = keysDone + 16, valuesDone = valuesThere + 16;
  if (threadIdx.x == 0) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      initBarrier(queriesThere + 8 * i, 1);
      initBarrier(keysThere + 8 * i, 1);
      initBarrier(valuesThere + 8 * i, 1);
      initBarrier(queriesDone + 8 * i, 8);
      initBarrier(keysDone + 8 * i, 8);
      initBarrier(valuesDone + 8 * i, 8);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  int from = begins[blockIdx.x], to = begins[blockIdx.x + 1];
  int role = __shfl_sync(FULL, threadIdx.x / 128, 0);
  if (role == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == 0) {
      u32 n = 0; // pieces so far
      for (int w = from; w < to; w++) {
        u32 turn = w - from, slot = turn & 1;
        int head = work[w] % heads, keyHead = head * keyHeads / heads;
        Tile tile = tiles[work[w] / heads];
        int end = tile.position + tile.queries;
        int start = window == 0 ? 0 : max(0, tile.position - window + 1) / KEYS * KEYS;
        awaitBarrier(queriesDone + 8 * slot, turn >> 1 & 1 ^ 1);
        expectBytes(queriesThere + 8 * slot, 2 * OWN);
#pragma unroll
        for (int i = 0; i < 2 * (D / 64); i++) {
          int g = i / (D / 64), c = i % (D / 64);
          bring(qs + slot * 2 * OWN + g * OWN + c * 64 * 128, queryMap, head * D + 64 * c, tile.queryRow + 64 * g,
              queriesThere + 8 * slot);
        }
        for (int at = start; at < end; at += KEYS, n++) {
          u32 s = n & 1, parity = n >> 1 & 1 ^ 1;
          awaitBarrier(keysDone + 8 * s, parity);
          expectBytes(keysThere + 8 * s, PIECE);
#pragma unroll
          for (int c = 0; c < D / 64; c++) {
            bring(ks + s * PIECE + c * KEYS * 128, keyMap, keyHead * D + 64 * c, tile.keyRow + at, keysThere + 8 * s);
          }
          awaitBarrier(valuesDone + 8 * s, parity);
          expectBytes(valuesThere + 8 * s, PIECE);
#pragma unroll
          for (int c = 0; c < D / 64; c++) {
            bring(vs + s * PIECE + c * KEYS * 128, valueMap, keyHead * D + 64 * c, tile.keyRow + at, valuesThere + 8 * s);
          }
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    int group = role - 1, warp = threadIdx.x % 128 / 32, lane = threadIdx.x % 32;
    int row = 64 * group + 16 * warp + lane / 4;
    float o[D / 2], s[KEYS / 2], most[2], total[2], keep[2];
    u32 p[KEYS / 4];
    u32 n = 0;
    if (group == 1) {
      asm volatile("bar.arrive 1, 256;" ::: "memory"); // the first turn is the other's
    }
#define SCORES(SLOT)                                                                                  \
  _Pragma("unroll") for (int c = 0; c < D / 16; c++) {                                                \
    u64 a = describe(own + (c / 4) * 64 * 128 + c % 4 * 32, 16);                                      \
    u64 b = describe(ks + (SLOT) * PIECE + (c / 4) * KEYS * 128 + c % 4 * 32, 16);                    \
    scores128(s, a, b, c > 0);                                                                        \
  }
#define VALUES(SLOT)                                                                                  \
  _Pragma("unroll") for (int c = 0; c < KEYS / 16; c++) {                                             \
    u64 there = describe(vs + (SLOT) * PIECE + c * 16 * 128, KEYS * 128);                             \
    if (D == 128) values128(o, p + 4 * c, there);                                                     \
    else values64(o, p + 4 * c, there);                                                               \
  }
#pragma unroll 1
    for (int w = from; w < to; w++) {
      u32 turn = w - from;
      int head = work[w] % heads;
      Tile tile = tiles[work[w] / heads];
      int end = tile.position + tile.queries;
      int start = window == 0 ? 0 : max(0, tile.position - window + 1) / KEYS * KEYS;
      int last0 = tile.position + row, lastSeen = tile.position + 64 * group + 63;
      int first0 = window == 0 ? -0x40000000 : last0 - window + 1;
      u32 own = qs + (turn & 1) * 2 * OWN + group * OWN;
#pragma unroll
      for (int i = 0; i < D / 2; i++) {
        o[i] = 0;
      }
      most[0] = most[1] = NEGATIVE_INFINITY;
      total[0] = total[1] = 0;
      // The first piece, before there are values to add.
      awaitBarrier(queriesThere + 8 * (turn & 1), turn >> 1 & 1);
      awaitBarrier(keysThere + 8 * (n & 1), n >> 1 & 1);
      settle<KEYS / 2>(s);
      fenceProducts();
      SCORES(n & 1)
      commitProducts();
      awaitProducts<0>();
      settle<KEYS / 2>(s);
      if (lane == 0) {
        arrive(keysDone + 8 * (n & 1));
      }
      bool mask = start + KEYS - 1 > tile.position + 64 * group || (window > 0 && start < lastSeen - window + 1);
      weigh<KEYS, CAPPED>(s, most, total, keep, start, first0, last0, mask, scaleLog2, cap);
#pragma unroll
      for (int i = 0; i < KEYS / 4; i++) {
        p[i] = pack(s[2 * i], s[2 * i + 1]);
      }
      n++;
#pragma unroll 1
      for (int at = start + KEYS; at < end; at += KEYS, n++) {
        u32 slot = n & 1, before = slot ^ 1;
        awaitBarrier(keysThere + 8 * slot, n >> 1 & 1);
        awaitBarrier(valuesThere + 8 * before, (n - 1) >> 1 & 1);
        asm volatile("bar.sync %0, 256;" ::"r"(1 + group) : "memory");
        settle<KEYS / 2>(s);
        settle<D / 2>(o);
        fenceProducts();
        SCORES(slot)
        commitProducts();
        VALUES(before)
        commitProducts();
        asm volatile("bar.arrive %0, 256;" ::"r"(2 - group) : "memory");
        awaitProducts<1>();
        settle<KEYS / 2>(s);
        if (lane == 0) {
          arrive(keysDone + 8 * slot);
        }
        mask = at + KEYS - 1 > tile.position + 64 * group || (window > 0 && at < lastSeen - window + 1);
        weigh<KEYS, CAPPED>(s, most, total, keep, at, first0, last0, mask, scaleLog2, cap);
        awaitProducts<0>();
        settle<D / 2>(o);
        if (lane == 0) {
          arrive(valuesDone + 8 * before);
        }
#pragma unroll
        for (int i = 0; i < D / 8; i++) {
          o[i * 4] *= keep[0];
          o[i * 4 + 1] *= keep[0];
          o[i * 4 + 2] *= keep[1];
          o[i * 4 + 3] *= keep[1];
        }
#pragma unroll
        for (int i = 0; i < KEYS / 4; i++) {
          p[i] = pack(s[2 * i], s[2 * i + 1]);
        }
      }
      if (lane == 0) {
        arrive(queriesDone + 8 * (turn & 1));
      }
      u32 slot = (n - 1) & 1;
      awaitBarrier(valuesThere + 8 * slot, (n - 1) >> 1 & 1);
      int there = (end - start) % KEYS; // rows behind the last key may hold anything, and 0 · inf is NaN
      if (there != 0) {
        for (int i = 8 * there + threadIdx.x % 128; i < 8 * KEYS; i += 128) {
#pragma unroll
          for (int c = 0; c < D / 64; c++) {
            u32 at = vs + slot * PIECE + c * KEYS * 128 + i * 16;
            asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(at), "r"(0) : "memory");
          }
        }
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        asm volatile("bar.sync %0, 128;" ::"r"(3 + group) : "memory");
      }
      settle<D / 2>(o);
      fenceProducts();
      VALUES(slot)
      commitProducts();
      awaitProducts<0>();
      settle<D / 2>(o);
      if (lane == 0) {
        arrive(valuesDone + 8 * slot);
      }
#pragma unroll
      for (int half = 0; half < 2; half++) {
        total[half] += __shfl_xor_sync(FULL, total[half], 1);
        total[half] += __shfl_xor_sync(FULL, total[half], 2);
        if (row + 8 * half < tile.queries) {
          float inverse = 1 / total[half];
          u16* y = out + ((i64)(tile.queryRow + row + 8 * half) * heads + head) * D;
#pragma unroll
          for (int i = 0; i < D / 8; i++) {
            *(u32*)(y + i * 8 + lane % 4 * 2) = pack(o[i * 4 + half * 2] * inverse, o[i * 4 + half * 2 + 1] * inverse);
          }
        }
      }
    }
    if (group == 0) {
      asm volatile("bar.sync 1, 256;" ::: "memory"); // the last turn that the other group gave
    }
  }
}

#define ATTEND_ROUNDED(NAME, D, CAPPED)                                                                                          \
  GLOBAL void __launch_bounds__(384, 1) NAME(const __grid_constant__ TensorMap queries, const __grid_constant__ TensorMap keys,  \
      const __grid_constant__ TensorMap values, u16* out, const Tile* tiles, const int* work, const int* begins, int heads,      \
      int keyHeads, float scaleLog2, float cap, int window) {                                                                    \
    attendRounded<D, 128, CAPPED>(                                                                                               \
        &queries, &keys, &values, out, tiles, work, begins, heads, keyHeads, scaleLog2, cap, window);                            \
  }
ATTEND_ROUNDED(attendRounded64, 64, false)
ATTEND_ROUNDED(attendCapped64, 64, true)
ATTEND_ROUNDED(attendRounded128, 128, false)
ATTEND_ROUNDED(attendCapped128, 128, true)
#endif
