// Package validate holds the tests of what deploys logferry: the Kubernetes
// manifests, docker-compose.yml and the Dockerfile. Each file is read by the
// library that reads it in earnest (kustomize and the Kubernetes API's types,
// compose-go, BuildKit's parser), so a misspelt key fails here and not in a
// cluster.
//
// It is a module of its own, so that none of those libraries stands in
// logferry's go.mod. .ci/run tests it.
package validate
