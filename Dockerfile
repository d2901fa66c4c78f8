# logferry's image: one static binary, the certificate authorities, nothing else.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t logferry:dev .
#
# There is no shell inside. Arguments choose the command ("docker run logferry sync").
# Where arguments can't be passed, as in a Job made from a CronJob, LOGFERRY_COMMAND
# names it and LOGFERRY_<COMMAND>_<FLAG> sets its flags.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOCACHE=/go/cache

# Modules first: a change of code does not fetch them again.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG COMMIT=unknown
# The same source, Go and arguments give the same bytes: no paths (-trimpath), no
# build id, no checkout state.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= -X main.version=$VERSION -X main.commit=$COMMIT" \
    -o /out/logferry ./cmd/logferry

FROM scratch
LABEL org.opencontainers.image.title="logferry" \
      org.opencontainers.image.description="Carries the request logs of LLM gateways into Postgres" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /out/logferry /logferry
# A number, so that Kubernetes can tell that it isn't root.
USER 65532:65532
ENTRYPOINT ["/logferry"]
