package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// unknown returns a warning for each LOGFERRY_ variable that nothing reads,
// with the nearest name that something does.
func (e environ) unknown(known []string) []string {
	var warnings []string
	for name, value := range e {
		if !strings.HasPrefix(name, "LOGFERRY_") || strings.TrimSpace(value) == "" || slices.Contains(known, name) ||
			strings.HasPrefix(name, "LOGFERRY_TEST_") || isServiceLink(name, value) {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("%s is not a setting and has no effect; the nearest is %s", name, nearest(name, known)))
	}
	slices.Sort(warnings)
	return warnings
}

// nearest is the known name with the fewest letters to change, of two such the
// one more alike in length. A needless LOGFERRY_ in front counts for nothing.
func nearest(name string, known []string) string {
	bare := strings.TrimPrefix(name, "LOGFERRY_")
	distance := func(to string) int {
		letters := min(levenshtein.ComputeDistance(name, to), levenshtein.ComputeDistance(bare, to))
		return letters*100 + max(len(name)-len(to), len(to)-len(name))
	}
	return slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
}

// instead says what may have been meant: the nearest name if it is near, else
// what there is.
func instead(name string, known []string) string {
	if len(known) == 0 {
		return "it takes none"
	}
	near := nearest(name, known)
	if letters := len(strings.TrimLeft(name, "-")); levenshtein.ComputeDistance(name, near) <= max(1, letters/2) {
		return "the nearest is " + near
	}
	return "it has " + strings.Join(known, ", ")
}

// Kubernetes gives every container such variables for each Service of its
// namespace. A Service called logferry, or logferry-something, is likely.
var (
	serviceHost = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	servicePort = regexp.MustCompile(`_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)
)

func isServiceLink(name, value string) bool {
	if serviceHost.MatchString(name) || servicePort.MatchString(name) {
		return true
	}
	scheme, _, isAddress := strings.Cut(value, "://")
	return strings.HasSuffix(name, "_PORT") && isAddress && slices.Contains([]string{"tcp", "udp", "sctp"}, scheme)
}
