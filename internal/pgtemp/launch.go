package pgtemp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startLimit = time.Minute
	quoted     = 12 // lines of the server's log that an error repeats
)

// settings of every server: no network, no care for a crash of the machine, nothing of statements or rows in the log.
var settings = map[string]string{
	"listen_addresses":                  "",
	"port":                              port,
	"fsync":                             "off",
	"synchronous_commit":                "off",
	"full_page_writes":                  "off",
	"log_error_verbosity":               "terse",
	"log_min_error_statement":           "panic",
	"log_parameter_max_length":          "0",
	"log_parameter_max_length_on_error": "0",
}

// launch makes the data folder, starts the server and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.initdb(ctx); err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return err
	}
	return s.answers(ctx)
}

// Halt ends the server's process and keeps its data: by SIGINT sessions are told and ended, by SIGQUIT they are cut off
// and the next start has to recover. With Resume it is for tests of what a restart does to others, and neither may be
// called together with another method.
func (s *Server) Halt(sig syscall.Signal) error {
	defer s.untie()
	if !s.endedAfter(sig) {
		return fmt.Errorf("the server is still there %s after %v", stopLimit, sig)
	}
	return nil
}

// Resume starts a halted server again and waits until it answers.
func (s *Server) Resume(ctx context.Context) error {
	if err := s.run(); err != nil {
		return err
	}
	return s.answers(ctx)
}

// initdb makes the data folder. It insists on a name for the user id it runs under, which a container may not have
// given it; then it is run once more where the kernel shows it the id of nobody.
func (s *Server) initdb(ctx context.Context) error {
	out, err := s.runInitdb(ctx, attributes(s.as, false))
	if err != nil && strings.Contains(out, "could not look up effective user ID") {
		var retry error
		if _, retry = s.runInitdb(ctx, namedByNamespace()); retry != nil {
			return fmt.Errorf("user id %d has no name, and initdb needs one: add it to /etc/passwd or run as another user "+
				"(a user namespace didn't help: %w)", os.Geteuid(), retry)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("initdb: %w%s", err, lastLines(out))
	}
	return nil
}

func (s *Server) runInitdb(ctx context.Context, attr *syscall.SysProcAttr) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"),
		"--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D", s.folder.data())
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.folder.path, environment(), attr
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := startOnOwnThread(cmd)
	if err != nil {
		return "", err
	}
	err = <-ended // before the output is looked at: it is whole only then
	return out.String(), err
}

// run starts postgres. Its log goes to a file, not to us, so that a kept server can go on writing it.
func (s *Server) run() error {
	log, err := os.Create(s.folder.log())
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.folder.path, environment(), attributes(s.as, s.keep)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{s.folder.lock}
	exit, err := startOnOwnThread(cmd)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		<-exit //nolint:errcheck // that it has ended is all that matters
		close(ended)
	}()
	s.cmd, s.ended = cmd, ended
	if s.keep {
		return nil
	}
	s.untie, err = tie(cmd.Process.Pid)
	return err
}

func (s *Server) arguments() []string {
	// The setting is a list: quotes keep a comma or blank in the path from ending an element.
	socket := `"` + strings.ReplaceAll(s.folder.path, `"`, `""`) + `"`
	args := []string{"-D", s.folder.data(), "-c", "unix_socket_directories=" + socket}
	all := maps.Clone(settings)
	maps.Copy(all, s.extra)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", name+"="+all[name])
	}
	return args
}

// answers tries to connect until it works, the server ends or the time is up.
func (s *Server) answers(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			return errors.New("the server ended while starting" + s.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer in time: %w%s", err, s.logEnd())
		case <-tick.C:
		}
	}
}

func (s *Server) logEnd() string {
	log, err := os.ReadFile(s.folder.log())
	if err != nil {
		return " (and its log can't be read: " + err.Error() + ")"
	}
	return lastLines(string(log))
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	lines = lines[max(0, len(lines)-quoted):]
	return "; its last words:\n  " + strings.Join(lines, "\n  ")
}

// environment is what the programs get of ours: enough to be found and loaded. No PG variable that would change where
// they listen, no language that would change their messages, no token.
func environment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// startOnOwnThread starts a command and returns a channel that gets the result of waiting for it. Linux sends the
// parent's death signal when the *thread* that started the child ends, so that thread is kept for the child's life.
func startOnOwnThread(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}
