package main

import (
	"strings"
	"testing"
)

func TestUnknownVariables(t *testing.T) {
	names := knownNames(newProgram(environ{}, nil, nil, deps{}).root())
	for name, test := range map[string]struct{ value, nearest string }{
		"LOGFERRY_SETLE":                     {"5m", "LOGFERRY_SETTLE"},
		"LOGFERRY_PAYLOAD":                   {"on", "LOGFERRY_PAYLOADS"},
		"LOGFERRY_DATABASE_URL":              {"x", "DATABASE_URL"},
		"LOGFERRY_BACKFILL_FORM":             {"3d", "LOGFERRY_BACKFILL_FROM"},
		"LOGFERRY_BACKFILL_DRYRUN":           {"on", "LOGFERRY_BACKFILL_DRY_RUN"},
		"LOGFERRY_LISTEN_PORT":               {"8080", "LOGFERRY_LISTEN"},
		"LOGFERRY_SETTLE_FILE":               {"x", "LOGFERRY_SETTLE"},
		"LOGFERRY_SETTLE":                    {"5m", ""},
		"LOGFERRY_COMMAND":                   {"sync", ""},
		"LOGFERRY_POSTGRES_BIN":              {"/x", ""},
		"LOGFERRY_TEST_DATABASE":             {"x", ""},
		"LOGFERRY_BACKFILL_FROM":             {"3d", ""},
		"LOGFERRY_MIGRATE_DOWN_TO":           {"0", ""},
		"LOGFERRY_STATUS_JSON":               {"on", ""},
		"LOGFERRY_MIGRATE_DATABASE_URL_FILE": {"/x", ""},
		// What Kubernetes sets for a Service named logferry, and one named logferry-web.
		"LOGFERRY_PORT":                  {"tcp://10.0.0.1:8080", ""},
		"LOGFERRY_SERVICE_HOST":          {"10.0.0.1", ""},
		"LOGFERRY_SERVICE_PORT":          {"8080", ""},
		"LOGFERRY_SERVICE_PORT_HTTP":     {"8080", ""},
		"LOGFERRY_PORT_8080_TCP":         {"tcp://10.0.0.1:8080", ""},
		"LOGFERRY_PORT_8080_TCP_PROTO":   {"tcp", ""},
		"LOGFERRY_PORT_8080_TCP_PORT":    {"8080", ""},
		"LOGFERRY_PORT_8080_TCP_ADDR":    {"10.0.0.1", ""},
		"LOGFERRY_WEB_PORT":              {"udp://10.0.0.1:8080", ""},
		"LOGFERRY_WEB_SERVICE_PORT_HTTP": {"8080", ""},
		"PATH":                           {"/bin", ""},
	} {
		warnings := environ{name: test.value}.unknown(names)
		if test.nearest == "" {
			if len(warnings) > 0 {
				t.Errorf("%s: %q", name, warnings)
			}
			continue
		}
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0], name+" ") || !strings.HasSuffix(warnings[0], " "+test.nearest) {
			t.Errorf("%s: want the nearest to be %s, got %q", name, test.nearest, warnings)
		}
	}
}

// TestMistypedWords: the nearest flag or command is named only if it is near.
func TestMistypedWords(t *testing.T) {
	for line, said := range map[string]string{
		"backfill --form 1d": `logferry backfill has no flag "form"; the nearest is --from`,
		"verify --bogus":     `logferry verify has no flag "bogus"; it has --from, --repair, --stream, --to`,
		"sync --bogus":       `logferry sync has no flag "bogus"; it takes none`,
		"snyc":               `"snyc" is not a command of logferry; the nearest is sync`,
		"streams remove":     `"remove" is not a command of logferry streams; it has list, disable, enable, forget`,
	} {
		r := &rig{}
		if code := r.run(t.Context(), line); code != 64 || !strings.HasPrefix(r.errs.String(), "logferry: "+said+"\n") {
			t.Errorf("%s: exit code %d, said %s", line, code, r.errs.String())
		}
	}
}
