# SPDX-License-Identifier: MIT
# The binary alone, for other images to take:
#
#   docker build -t procagent .
#   COPY --from=procagent /procagent /usr/local/bin/procagent
#
# Without a registry, scripts/baseimage.sh makes debian:bookworm-slim first; scripts/dockerd.sh starts an engine.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/deps.sh scripts/curl.sh scripts/curl.patch scripts/
RUN scripts/deps.sh build && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY . .
# In an image without a loader a dynamic binary fails as "no such file or directory": say it here instead.
RUN make && strip -o /procagent build/procagent \
    && if readelf -lW /procagent | grep -q INTERP; then echo "build/procagent is not static" >&2; exit 1; fi

FROM scratch
COPY --from=build /procagent /procagent
ENTRYPOINT ["/procagent"]
CMD ["help"]
