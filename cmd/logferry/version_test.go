package main

import (
	"runtime/debug"
	"testing"
)

// TestStamp: what Go writes into a binary, for those that nothing was linked
// into.
func TestStamp(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, test := range []struct {
		module   string
		settings []debug.BuildSetting
		want     build
	}{
		{"", nil, build{"devel", "unknown"}},
		{"(devel)", vcs("false"), build{"devel", "0123abc"}},
		{"(devel)", vcs("true"), build{"devel", "0123abc with changes"}},
		{"v1.2.3", nil, build{"v1.2.3", "unknown"}},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.module}, Settings: test.settings}
		if got := readStamp(info, build{"devel", "unknown"}); got != test.want {
			t.Errorf("%q %v: %+v, want %+v", test.module, test.settings, got, test.want)
		}
	}
}

// TestLinkedVersion: what was linked in wins.
func TestLinkedVersion(t *testing.T) {
	version, commit = "1.2.3", "fedcba9"
	t.Cleanup(func() { version, commit = "", "" })
	if got := readBuild(); got != (build{"1.2.3", "fedcba9"}) {
		t.Errorf("%+v", got)
	}
}
