// The network for inference: what a caller hands over and what a level offers.
//
//     head -> layers -> attention -> layers -> attention ... -> layers -> tail
//
// Features lie as (N, H, words, pitch): each row of a picture holds, word after word of its channels, its pixels side
// by side. A word is a float, or a pair of bfloat16 channels. So every vector holds neighbouring pixels, the shift of
// shift-conv is another address, and nothing is ever packed. `pitch` leaves kMargin words before each row and at least
// as many behind it, of which the first ones next to the picture are zero: what the shift finds beyond the border.
//
// The structures are mirrored field by field in bindings.py. `type` is that of the features; `rows`, the rows of a
// task, is set by the library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elansr {

constexpr std::int64_t kMargin = 16;
constexpr int kMostColors = 3;

// A convolution, packed as [tile of outputs][word of the inputs][output of the tile], the bias padded to whole tiles. A
// 3x3 one takes the nine neighbours of a pixel one after the other, [dy][dx][channel], of which `inputs` counts one; it
// is packed as floats whatever the type of the features. Null weights where a call has no such layer.
struct Layer {
  const void* weights;
  const float* bias;
  std::int64_t inputs, outputs;  // channels
};

// out = layer(picture), a 3x3 convolution with zeros around the picture, planes (N, colors, H, W) to features. With
// `by_color`, its weights and sums run in the order [color][dy][dx], as PyTorch's do for a small picture, so that
// results are the same to the last bit; there are at most kMostColors.
struct HeadCall {
  const float* picture;
  void* out;
  Layer layer;
  std::int64_t pictures, height, width, pitch;
  std::int32_t by_color, type, level, threads;
  std::int64_t rows;
};

// Every layer between one window attention and the next, in one pass over the rows:
//     y = x + merge(attended),  out = y + reduce(shift(relu(expand(shift(y))))),  projected = project(out).
// Without `attended`, y = x; without `expand`, out = y and there is no projection.
struct LayersCall {
  const void *x, *attended;
  void *out, *projected;
  Layer merge, expand, reduce, project;
  std::int64_t pictures, height, width, pitch, channels;
  std::int32_t type, level, threads;
  std::int64_t rows;
};

// Window attention of all channel groups, softmax(q q^T) v but with powers of two: the queries come multiplied by the
// root of log2(e), which spares a multiplication for every weight. Offsets and row lengths count words. Shifted windows
// go on at the opposite border, or with `closed` all windows end at the border.
struct WindowCall {
  const void *q, *v;
  void* out;
  std::int64_t pictures, height, width, pitch;
  std::int64_t q_words, v_words, out_words, depth;  // depth: channels of a group
  const std::int64_t *windows, *q_offsets, *v_offsets;
  std::int32_t groups, shifted, closed, type, level, threads;
};

// The long skip, the last convolution and PixelShuffle: out = shuffle(tail(head(picture) + body)). The head is computed
// again, which costs less than keeping what it made.
struct TailCall {
  const float* picture;  // planes (N, colors, H, W)
  const void* body;      // features
  float* out;            // planes (N, colors, H * scale, W * scale)
  Layer head, tail;
  std::int64_t pictures, height, width, pitch, scale;
  std::int32_t by_color, type, level, threads;
  std::int64_t rows;
};

// What one instruction set offers; a null kernel: not for this type. The arrays are indexed by Type.
struct InferenceKernels {
  // The rows of one task.
  void (*head[2])(const HeadCall& call, std::int64_t task, char* scratch);
  std::size_t (*head_bytes[2])(const HeadCall& call);
  void (*layers[2])(const LayersCall& call, std::int64_t task, char* scratch);
  std::size_t (*layers_bytes[2])(const LayersCall& call);
  void (*tail[2])(const TailCall& call, std::int64_t task, char* scratch);
  std::size_t (*tail_bytes[2])(const TailCall& call);
  // One window of one channel group.
  void (*attention[2])(const WindowCall& call, int group, std::int64_t window, char* scratch);
  std::size_t (*attention_bytes[2])(const WindowCall& call);
  std::int64_t (*windows)(const WindowCall& call, int group);
  // Outputs of a tile in packed layers.
  std::int32_t tile_outputs;
};

}  // namespace elansr
