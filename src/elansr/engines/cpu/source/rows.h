// The inference form over rows: what a caller hands over and what a level offers.
//
// Features lie as (N, H, words, pitch): each row of a picture holds, word after word of its channels, its pixels side by
// side. A word is a float, or a pair of bfloat16 channels. So every vector holds neighbouring pixels, the shift of
// shift-conv is another address, and nothing is ever packed. `pitch` leaves kMargin words before each row and at least
// as many behind it, of which the first ones next to the picture are zero: what the shift finds beyond the border.
#pragma once

#include <cstddef>
#include <cstdint>

#include "attention.h"

namespace elansr {

constexpr std::int64_t kMargin = 16;

// A 1x1 convolution, packed by `RowKernels::pack`; null weights where a call has no such layer.
struct Layer {
  const float* weights;
  const float* bias;
  std::int64_t inputs, outputs;  // channels
};

// Every layer between one window attention and the next, in one pass over the rows:
//     y = x + merge(attended),  out = y + reduce(shift(relu(expand(shift(y))))),  projected = project(out).
// Without `attended`, y = x; without `expand`, out = y and there is no projection. Mirrored field by field by
// `_LayersCall` in rows_layers.py.
struct LayersCall {
  const float *x, *attended;
  float *out, *projected;
  Layer merge, expand, reduce, project;
  std::int64_t pictures, height, width, pitch, channels;
  std::int32_t type, level, threads;
  std::int64_t rows;  // of a task; set by the library
};

// Window attention of all channel groups, softmax(q q^T) v but with powers of two: the queries come multiplied by the
// root of log2(e), which spares a multiplication for every weight. Offsets and row lengths count words. Shifted windows
// go on at the opposite border, or with `closed` all windows end at the border. Mirrored by `_AttentionCall` in
// rows_attention.py.
struct RowAttentionCall {
  const float *q, *v;
  float* out;
  std::int64_t pictures, height, width, pitch;
  std::int64_t q_words, v_words, out_words, depth;  // depth: channels of a group
  const std::int64_t *windows, *q_offsets, *v_offsets;
  std::int32_t groups, shifted, closed, type, level, threads;
};

// The long skip, the last convolution and PixelShuffle: out = shuffle(layer(head + body)), where `layer` takes the nine
// neighbours of a pixel one after the other, [dy][dx][channel], packed as float32. Mirrored by `_TailCall` in
// rows_tail.py.
struct TailCall {
  const float *head, *body;  // planes (N, C, H, W); rows
  float* out;                // planes (N, colors, H * scale, W * scale)
  Layer layer;               // `inputs` counts the channels of one neighbour
  std::int64_t pictures, height, width, pitch, colors, scale;
  std::int32_t type, level, threads;
  std::int64_t rows;  // of a task; set by the library
};

// What one instruction set offers; a null kernel: not for this type. The arrays are indexed by Type.
struct RowKernels {
  // The rows of one task.
  void (*layers[2])(const LayersCall& call, std::int64_t task, char* scratch);
  std::size_t (*layers_bytes[2])(const LayersCall& call);
  // One window of one channel group.
  void (*attention[2])(const RowAttentionCall& call, int group, std::int64_t window, char* scratch);
  std::size_t (*attention_bytes[2])(const RowAttentionCall& call);
  std::int64_t (*windows)(const RowAttentionCall& call, int group);
  // Packs weights (outputs, inputs); without `packed`, says how many floats that takes. Biases are padded like outputs.
  std::int64_t (*pack[2])(std::int64_t outputs, std::int64_t inputs, const float* weights, float* packed);
  void (*tail[2])(const TailCall& call, std::int64_t task, char* scratch);
  std::size_t (*tail_bytes[2])(const TailCall& call);
  // Planes (channels, H, W) of one picture to its rows.
  void (*from_plane_row[2])(const float* planes, std::int64_t plane, std::int64_t channels, std::int64_t width,
                            float* row, std::int64_t pitch);
};

extern const RowKernels kPortableRows, kAvx2Rows, kAvx512Rows, kAvx512Bf16Rows;

}  // namespace elansr
