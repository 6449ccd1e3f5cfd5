"""The checkers about what is kept accept every right answer and tell the usual mistakes apart."""

import torch

from densekit.exercises.testing import assert_checker
from densekit.exercises.train_the_head import keeping as check


def _pooled(network, images):
    return network.forward_head(network.forward_features(images), pre_logits=True)


def _embeddings(prepare=lambda network: network.eval(), part=_pooled, batches=torch.split, joined=torch.cat):
    def embeddings_of(network, images, batch_size):
        prepare(network)
        with torch.no_grad():
            return joined([part(network, batch) for batch in batches(images, batch_size)])

    return embeddings_of


def _whole_batches(images, batch_size):
    whole = len(images) // batch_size * batch_size
    return images[:whole].split(batch_size) if whole else [images]


def test_exercise_4_wants_every_embedding_once_in_order_and_in_eval_mode():
    def written_into(network, images, batch_size):
        network.eval()
        found = images.new_empty(len(images), network.num_features)
        with torch.inference_mode():
            for begin in range(0, len(images), batch_size):
                maps = network.features(images[begin : begin + batch_size])
                found[begin : begin + batch_size] = maps.clamp(min=0).mean(dim=(2, 3))
        return found

    def in_float32(network, images, batch_size):
        return _embeddings()(network, images, batch_size).float()

    def with_gradient(network, images, batch_size):
        network.eval()
        return torch.cat([_pooled(network, batch) for batch in images.split(batch_size)])

    def in_inference_mode(network, images, batch_size):
        network.eval()
        with torch.inference_mode():
            return _pooled(network, images)

    def one_by_one(network, images, batch_size):
        return _embeddings()(network, images, 1)

    def all_at_once(network, images, batch_size):
        return _embeddings()(network, images, len(images))

    def backwards(network, images, batch_size):
        return _embeddings()(network, images.flip(0), batch_size)

    def without_relu(network, images):
        return network.features(images).mean(dim=(2, 3))

    assert_checker(
        check.exercise_4,
        right=[check.embeddings_of, _embeddings(), written_into, one_by_one, in_float32],
        wrong=[
            (_embeddings(prepare=lambda network: None), "tensors of the network moved, expected 0"),
            (_embeddings(batches=_whole_batches), "8 of 10 images have embeddings"),
            (
                _embeddings(part=lambda network, images: network.features(images)),
                "a row of features for each",
            ),
            (
                _embeddings(part=lambda network, images: network(images)),
                "the shape is (10, 3), expected (10,",
            ),
            (with_gradient, "carry a gradient, expected none"),
            (in_inference_mode, "no head can learn from them: use no_grad"),
            (all_at_once, "you sent 10 images through the network at once"),
            (backwards, "the head makes other logits"),
            (_embeddings(part=without_relu), "the head makes other logits"),
            (_embeddings(joined=list), "expected a tensor"),
        ],
    )


def test_exercise_9_wants_the_head_that_needs_no_scale():
    def by_a_layer(weight, bias, mean, deviation):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0]).double()
        with torch.no_grad():
            layer.weight.copy_(weight * (1 / deviation))
            layer.bias.copy_(bias - (layer.weight * mean).sum(dim=1))
        return layer.weight, layer.bias

    def in_float32(weight, bias, mean, deviation):
        scaled = (weight / deviation).float()
        return [scaled, bias.float() - scaled @ mean.float()]

    assert_checker(
        check.exercise_9,
        right=[check.folded, by_a_layer, in_float32],
        wrong=[
            (lambda w, b, m, d: (w / d, b), "it is still the old one"),
            (lambda w, b, m, d: (w / d, b + (w / d) @ m), "so what it adds up to is subtracted"),
            (lambda w, b, m, d: (w / d, b - w @ m), "the bias is off by"),
            (lambda w, b, m, d: (w * d, b - (w * d) @ m), "the weight is off by"),
            (lambda w, b, m, d: w / d, "expected two tensors"),
            (lambda w, b, m, d: (w / d, b[:1]), "the bias has the shape (1,), expected (3,)"),
        ],
    )
