# docker build -t cirkd . && docker run --rm -p 8501:8501 cirkd
# For an NVIDIA GPU: docker compose --profile gpu up
FROM python:3.11-slim

# Which build of PyTorch: cpu, or cu128 and the like (uv's --torch-backend).
ARG TORCH_BACKEND=cpu
RUN pip install --no-cache-dir uv
COPY . /source
RUN uv pip install --system --no-cache --torch-backend ${TORCH_BACKEND} "/source[imagenet]" && rm -rf /source

RUN useradd --create-home cirkd
USER cirkd
RUN mkdir /home/cirkd/runs
# What is trained lands in runs/ of this folder; data/ and runs/ are what to mount.
WORKDIR /home/cirkd
EXPOSE 8501
HEALTHCHECK CMD python -c "import urllib.request; urllib.request.urlopen('http://localhost:8501/_stcore/health')"
ENTRYPOINT ["cirkd"]
CMD ["app", "--server.headless=true", "--server.address=0.0.0.0"]
