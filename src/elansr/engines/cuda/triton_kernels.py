"""The Triton kernels of ELAN's body; import this module only where `elansr.engines.cuda.support.takes` holds.

Two forms of features, both contiguous and of the type that is multiplied: pixels (N, H, W, C), and groups
(groups, N, H, W, D), D channels a group, in which queries, values and attended features are kept: the windows of one
group then read whole runs of memory.

`tl.dot` takes sides that are powers of two from 16: channels are padded with zeros, in registers and in the packed
weights (`elansr.engines.cuda.launches`), never in the features. Sums, logits and softmax are float32. Only what Triton
has had since 3.2 is used.
"""

import triton
import triton.language as tl

SIZES = ("pictures", "height", "width", "pixels")
"""Arguments whose values no kernel is compiled for: else every other size of picture would be compiled anew."""

MASKED = tl.constexpr(-1e30)
"""Logit of what is not attended to; finite, so that rows without any pixel stay finite too."""


@triton.jit(do_not_specialize=SIZES)
def local_features(
    x_ptr,
    out_ptr,
    q_ptr,
    v_ptr,
    expand_ptr,
    expand_bias_ptr,
    reduce_ptr,
    reduce_bias_ptr,
    q_weight_ptr,
    q_bias_ptr,
    v_weight_ptr,
    v_bias_ptr,
    pictures,
    height,
    width,
    channels: tl.constexpr,
    depth: tl.constexpr,
    padded: tl.constexpr,
    hidden: tl.constexpr,
    chunks: tl.constexpr,
    own: tl.constexpr,
    tile_height: tl.constexpr,
    tile_width: tl.constexpr,
    precision: tl.constexpr,
):
    """x + LFE(x) (arXiv 2203.06697, section 3.2), and its projection to values and, where `own`, to queries.

    One program makes a tile of pixels. The second shift reads expanded features of the neighbours: its five groups of
    channels are made where they are read, each from features that both shifts have moved, so that nothing is made
    twice and expanded features are never written. A group is made in `chunks` of `hidden` channels.
    """
    across = (width + tile_width - 1) // tile_width
    tiles = (height + tile_height - 1) // tile_height * across
    picture = tl.program_id(0) // tiles
    tile = tl.program_id(0) % tiles
    m = tl.arange(0, tile_height * tile_width)
    y = (tile // across) * tile_height + m // tile_width
    x = (tile % across) * tile_width + m % tile_width

    c, j = tl.arange(0, padded), tl.arange(0, hidden)
    group = tl.minimum(c // (channels // 5), 4)
    right = tl.where(group == 0, 1, tl.where(group == 1, -1, 0))
    down = tl.where(group == 2, 1, tl.where(group == 3, -1, 0))
    square = c[:, None] * padded + c[None, :]

    total = tl.full((tile_height * tile_width, padded), 0.0, tl.float32)
    for way in tl.static_range(5):
        from_y = y + (1 if way == 2 else 0) - (1 if way == 3 else 0)
        from_x = x + (1 if way == 0 else 0) - (1 if way == 1 else 0)
        there = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < width)
        rows, columns = from_y[:, None] + down[None, :], from_x[:, None] + right[None, :]
        read = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        read &= there[:, None] & (c < channels)[None, :]
        moved = tl.load(x_ptr + ((picture * height + rows) * width + columns) * channels + c[None, :], read, 0.0)
        for chunk in tl.static_range(chunks):
            part = (way * chunks + chunk) * hidden
            weight = tl.load(expand_ptr + part * padded + c[:, None] * hidden + j[None, :])
            expanded = tl.dot(moved, weight, input_precision=precision) + tl.load(expand_bias_ptr + part + j)[None, :]
            expanded = tl.where(there[:, None], tl.maximum(expanded, 0.0), 0.0).to(moved.dtype)
            weight = tl.load(reduce_ptr + part * padded + j[:, None] * padded + c[None, :])
            total = tl.dot(expanded, weight, total, input_precision=precision)

    pixel = ((picture * height + y) * width + x)[:, None]
    kept = ((y < height) & (x < width))[:, None] & (c < channels)[None, :]
    at = pixel * channels + c[None, :]
    total += tl.load(reduce_bias_ptr + c)[None, :] + tl.load(x_ptr + at, kept, 0.0)
    features = total.to(x_ptr.dtype.element_ty)
    tl.store(out_ptr + at, features, kept)

    at = (c // depth * pictures * height * width)[None, :] * depth + pixel * depth + (c % depth)[None, :]
    values = tl.dot(features, tl.load(v_weight_ptr + square), input_precision=precision)
    values += tl.load(v_bias_ptr + c)[None, :]
    tl.store(v_ptr + at, values.to(features.dtype), kept)
    if own:
        queries = tl.dot(features, tl.load(q_weight_ptr + square), input_precision=precision)
        queries += tl.load(q_bias_ptr + c)[None, :]
        tl.store(q_ptr + at, queries.to(features.dtype), kept)


@triton.jit(do_not_specialize=SIZES)
def merged(
    x_ptr,
    attended_ptr,
    weight_ptr,
    bias_ptr,
    pixels,
    channels: tl.constexpr,
    depth: tl.constexpr,
    padded: tl.constexpr,
    tile: tl.constexpr,
    precision: tl.constexpr,
):
    """x += merge(attended): the last 1x1 convolution of a block and the residual. x is pixels, attended groups."""
    pixel = (tl.program_id(0) * tile + tl.arange(0, tile))[:, None]
    c = tl.arange(0, padded)
    kept = (pixel < pixels) & (c < channels)[None, :]
    at = (c // depth * pixels)[None, :] * depth + pixel * depth + (c % depth)[None, :]
    attended = tl.load(attended_ptr + at, kept, 0.0)
    weight = tl.load(weight_ptr + c[:, None] * padded + c[None, :])
    at = pixel * channels + c[None, :]
    total = tl.dot(attended, weight, input_precision=precision) + tl.load(bias_ptr + c)[None, :]
    total += tl.load(x_ptr + at, kept, 0.0)
    tl.store(x_ptr + at, total.to(x_ptr.dtype.element_ty), kept)


@triton.jit(do_not_specialize=SIZES)
def attention(
    q_ptr,
    v_ptr,
    out_ptr,
    pictures,
    height,
    width,
    sides: tl.constexpr,
    groups: tl.constexpr,
    depth: tl.constexpr,
    padded: tl.constexpr,
    shifted: tl.constexpr,
    closed: tl.constexpr,
    rows: tl.constexpr,
    precision: tl.constexpr,
):
    """softmax(q q^T) v within the windows of each group, groups like `q_ptr`, a power of 2 for every power of e.

    One program makes `rows` pixels of one group, so that all groups are one launch; those of the last group, whose
    windows are usually the largest, come first. It goes over the keys `rows` at a time, with the running maximum and
    sum of an online softmax: whole rows of logits for windows of 16 would take twice the registers. `sides` holds log2
    of the side of each group's windows, 4 bits a group.
    """
    first = 0
    for n in tl.static_range(groups):
        first = _attend_in(
            groups - 1 - n,
            first,
            q_ptr,
            v_ptr,
            out_ptr,
            pictures,
            height,
            width,
            sides,
            depth,
            padded,
            shifted,
            closed,
            rows,
            precision,
        )


@triton.jit
def _attend_in(
    group: tl.constexpr,
    first,
    q_ptr,
    v_ptr,
    out_ptr,
    pictures,
    height,
    width,
    sides: tl.constexpr,
    depth: tl.constexpr,
    padded: tl.constexpr,
    shifted: tl.constexpr,
    closed: tl.constexpr,
    rows: tl.constexpr,
    precision: tl.constexpr,
):
    """What this program does for a group whose programs begin with `first`; returns the one after its last."""
    side: tl.constexpr = 1 << ((sides >> (4 * group)) & 15)
    window: tl.constexpr = side * side
    keys: tl.constexpr = window if window > rows else rows
    half: tl.constexpr = side // 2 if shifted else 0
    before: tl.constexpr = side - half if closed and half > 0 else 0
    down, across = (height + before + side - 1) // side, (width + before + side - 1) // side
    program = tl.program_id(0) - first
    count = (pictures * down * across * window + rows - 1) // rows
    if (program >= 0) & (program < count):
        start, d = group * depth * pictures * height * width, tl.arange(0, padded)[None, :]
        token = program * rows + tl.arange(0, rows)
        pixel, there = _pixels(token, pictures, height, width, down, across, side, half, before, closed)
        at, kept = start + pixel[:, None] * depth + d, there[:, None] & (d < depth)
        q = tl.load(q_ptr + at, kept, 0.0)

        highest = tl.full((rows,), MASKED, tl.float32)
        total = tl.full((rows,), 0.0, tl.float32)
        attended = tl.full((rows, padded), 0.0, tl.float32)
        for chunk in tl.static_range(keys // rows):
            key = (program * rows) // keys * keys + chunk * rows + tl.arange(0, rows)
            pixel, there = _pixels(key, pictures, height, width, down, across, side, half, before, closed)
            key_at, key_kept = start + pixel[:, None] * depth + d, there[:, None] & (d < depth)
            k, v = tl.load(q_ptr + key_at, key_kept, 0.0), tl.load(v_ptr + key_at, key_kept, 0.0)
            logits = tl.dot(q, tl.trans(k), input_precision=precision)
            if window < keys:
                logits = tl.where((token // window)[:, None] == (key // window)[None, :], logits, MASKED)
            if closed:
                logits = tl.where(there[None, :], logits, MASKED)
            higher = tl.maximum(highest, tl.max(logits, 1))
            weights, fade = tl.exp2(logits - higher[:, None]), tl.exp2(highest - higher)
            total = total * fade + tl.sum(weights, 1)
            attended = tl.dot(weights.to(v.dtype), v, attended * fade[:, None], input_precision=precision)
            highest = higher
        tl.store(out_ptr + at, (attended / total[:, None]).to(q.dtype), kept)
    return first + count


@triton.jit
def _pixels(
    token,
    pictures,
    height,
    width,
    down,
    across,
    side: tl.constexpr,
    half: tl.constexpr,
    before: tl.constexpr,
    closed: tl.constexpr,
):
    """Which pixels of the batch the tokens are, windows of pixels one after another, and whether they exist."""
    window, inside = token // (side * side), token % (side * side)
    picture, in_picture = window // (down * across), window % (down * across)
    y = (in_picture // across) * side + inside // side
    x = (in_picture % across) * side + inside % side
    if closed:
        y, x = y - before, x - before
    else:
        y, x = (y + half) % height, (x + half) % width
    there = (picture < pictures) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return (picture * height + y) * width + x, there
