// Package sdk holds the proof that the emulator answers as Cloudflare does, by
// a client that was not written here: the vendor's own Go SDK lists the
// gateways and pages through the logs of the emulator.
//
// It is a module of its own, so that the SDK does not stand in logferry's
// go.mod. .ci/run tests it.
package sdk
