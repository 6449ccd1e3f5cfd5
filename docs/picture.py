"""Make docs/before_after.png: train a head on the tabletop pictures and show its guesses before and after."""

import tempfile
from pathlib import Path

from densekit.data.folder import open_folder
from densekit.data.loading import open_image
from densekit.features import extract_features
from densekit.files import sample_folder, write_atomically
from densekit.plots import before_after, png
from densekit.run.classifier import backbone
from densekit.run.trainer import train


def main() -> None:
    """Train, choose one test picture from each of six classes, and draw them."""
    data = open_folder(sample_folder("tabletop"))
    with tempfile.TemporaryDirectory() as folder:
        run = train(data=data.root, out=Path(folder) / "run", progress=False)
        chosen = [next(one for one in data.test if one.label == label) for label in (0, 2, 3, 4, 5, 7)]
        features = extract_features(run.network, chosen)
        untrained = backbone(run.config, len(data.classes)).classifier
        figure = before_after(
            [open_image(sample.path) for sample in chosen],
            data.classes,
            untrained(features.inputs).softmax(dim=1).detach(),
            run.network.classifier(features.inputs).softmax(dim=1).detach(),
            features.labels,
            title="Guesses on test pictures, before and after training the head",
        )
    with write_atomically(Path(__file__).with_name("before_after.png")) as file:
        file.write(png(figure))


if __name__ == "__main__":
    main()
