"""The Docker sandbox: its engine, its image, its containers. Only this package imports docker."""

from grader.sandbox.docker.container import CONTAINER_LABEL, DockerSandbox, find_docker
from grader.sandbox.docker.images import ImageState, ImageStatus, build_image, image_status

__all__ = [
    "CONTAINER_LABEL",
    "DockerSandbox",
    "ImageState",
    "ImageStatus",
    "build_image",
    "find_docker",
    "image_status",
]
