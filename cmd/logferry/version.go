package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set when a release is linked: -ldflags "-X main.version=1.2.3 -X main.commit=…".
var version, commit string

// A build is where this binary comes from.
type build struct{ version, commit string }

// readBuild goes by what was linked in, then by what Go stamped: the version
// of the module, the commit of the checkout.
func readBuild() build {
	stamped := build{version: "devel", commit: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		stamped = readStamp(info, stamped)
	}
	return build{cmp.Or(version, stamped.version), cmp.Or(commit, stamped.commit)}
}

func readStamp(info *debug.BuildInfo, b build) build {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.version = v
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
