# The laboratory in a container, on CPUs:
#   docker build --tag arena .
#   docker run --rm --volume "$PWD/runs:/home/arena/runs" --user "$(id -u)" arena play swiss-roll
#
# On GPUs (NVIDIA's container toolkit is needed): docker build --build-arg TORCH=cu130 …, with the CUDA version of your driver, and
# docker run --gpus all … --device cuda
FROM python:3.12-slim
ARG TORCH=cpu
RUN pip install --no-cache-dir uv
COPY . /source
RUN uv pip install --system --no-cache --torch-backend "$TORCH" "/source[data,export,film,tuning]" && rm -r /source
WORKDIR /home/arena
RUN chmod 777 /home/arena
ENV HOME=/home/arena
ENTRYPOINT ["arena"]
CMD ["list"]
