package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is linked: -ldflags "-X main.version=1.2.3".
var version = ""

// A build is where this binary comes from.
type build struct{ version, commit string }

func readBuild() build {
	b := build{version: version, commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if ok && b.version == "" && info.Main.Version != "(devel)" {
		b.version = info.Main.Version
	}
	if b.version == "" {
		b.version = "devel"
	}
	if !ok {
		return b
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			b.commit = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			b.commit += " with changes"
		}
	}
	return b
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		Short:                 "version, commit, Go and schema",
		Example:               "  logferry version",
		DisableFlagsInUseLine: true,
		Args:                  noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			p.print("logferry %s\ncommit   %s\ngo       %s %s/%s\nschema   %d\n",
				b.version, b.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, p.deps.newestSchema())
			return nil
		},
	}
}
