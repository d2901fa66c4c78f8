// Package pgtemp runs a private PostgreSQL server for as long as one program needs it: `logferry demo` and the tests.
//
// How it goes: find the server's programs on this machine, or fetch them once (find.go, fetch.go); remove what killed
// earlier runs left behind and make a folder of its own, mode 0700, for data, socket and log (folder.go); initdb; run
// postgres itself, not pg_ctl, so that it is our child (launch.go); connect until it answers.
//
// The server listens on a Unix socket inside that folder and on nothing else, so there is no port to clash and no
// password to leak: whoever may enter the folder may log in. It is tuned to be thrown away: fsync, synchronous_commit
// and full_page_writes are off. Its log carries no statements, no parameters and no row details, and its environment
// holds none of ours, so no token or prompt gets there.
//
// PostgreSQL refuses to run as root, so a program started as root runs it as the user postgres, or else nobody.
//
// Three things see to it that no server outlives its program: Stop; on Linux the kernel, which sends SIGQUIT to the
// server when the program dies, even by kill -9 (elsewhere a small shell that waits for the end of a pipe does the
// same); and a lock on a file in the folder that program and server share, so that whoever finds the lock free knows
// that both are gone and may remove the folder.
//
// It works on Linux, macOS and the BSDs. On Windows Start returns an error.
package pgtemp

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// port is part of the socket's file name; nothing listens on TCP. It is spelt out in every URL because PGPORT would
// otherwise change it.
const port = "5432"

// stopLimit is how long Stop waits for each of the three ways of stopping a server, the gentle one first.
const stopLimit = 10 * time.Second

// Options say how a server differs from the usual. The zero value is what a test wants.
type Options struct {
	// Keep leaves the server up when the program ends: it runs in a session of its own and Stop does nothing.
	// StopCommand is then what a person ends it with. Its folder is removed by a later Start once it has ended.
	Keep bool

	// Settings are added to the server's configuration, as in {"max_connections": "200"}. Nil adds none.
	Settings map[string]string

	// InMemory keeps the data in memory where the system has 4 GiB of it to give as a folder, and TMPDIR doesn't say
	// otherwise: making and dropping databases is mostly making and dropping files.
	InMemory bool

	// Notice is told, in one line, that PostgreSQL is about to be downloaded. Nil tells nobody.
	Notice io.Writer
}

// Server is a running PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	bin      string // folder of the programs
	as       *account
	keep     bool
	inMemory bool
	folder   *folder
	extra    map[string]string // settings
	cmd      *exec.Cmd
	ended    <-chan struct{} // closed when the postgres process is gone and reaped
	untie    func()          // ends what was set up to take the server down with us

	stop    sync.Once
	stopErr error
}

// Start returns a server that answers, usually well within a second once the programs are on the machine. The context
// limits starting only, and the server gets at most a minute of it (a download five). An error quotes the last lines
// of the server's own log.
func Start(ctx context.Context, o Options) (*Server, error) {
	as, err := serverAccount()
	if err != nil {
		return nil, fmt.Errorf("starting a private PostgreSQL: %w", err)
	}
	bin, err := thisMachine(as, o.Notice).find(ctx)
	if err != nil {
		return nil, err
	}
	sweep(as, o.InMemory)
	dir, err := newFolder(as, o.InMemory)
	if err != nil {
		return nil, fmt.Errorf("starting a private PostgreSQL: %w", err)
	}
	s := &Server{bin: bin, as: as, keep: o.Keep, inMemory: o.InMemory, folder: dir, extra: o.Settings, untie: func() {}}
	if err := s.launch(ctx); err != nil {
		_ = s.end() // why it didn't start is what matters
		return nil, fmt.Errorf("starting a private PostgreSQL from %s: %w", bin, err)
	}
	return s, nil
}

// URL is the address of a database of the server, as superuser, in the form that pgx, psql and everything else built
// on libpq take. The databases there from the start are postgres and template1.
func (s *Server) URL(dbname string) string {
	// libpq reads a plus sign as a plus sign, so a blank has to be spelt %20.
	host := strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(s.folder.path))
	return "postgres:///" + url.PathEscape(dbname) + "?host=" + host + "&port=" + port + "&user=postgres"
}

// PSQL is the command line with which a person looks into a database of the server.
func (s *Server) PSQL(dbname string) string {
	psql := "psql"
	if beside := filepath.Join(s.bin, "psql"); !onPath(psql) && isFile(beside) {
		psql = shellQuote(beside)
	}
	return psql + " " + shellQuote(s.URL(dbname))
}

// StopCommand is the command line with which a person ends a kept server and removes its folder.
func (s *Server) StopCommand() string {
	pidFile := shellQuote(filepath.Join(s.folder.data(), "postmaster.pid"))
	return fmt.Sprintf("kill -INT %d && while [ -e %s ]; do sleep 0.1; done && rm -rf %s",
		s.cmd.Process.Pid, pidFile, shellQuote(s.folder.path))
}

// Stop shuts the server down, ending open sessions, and removes its folder. A kept server is left alone. Calling it
// again does nothing and returns the same error.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		if s.keep {
			return
		}
		s.stopErr = s.end()
	})
	return s.stopErr
}

// end stops the process if there is one, by ever harder signals, and removes the folder.
func (s *Server) end() error {
	defer s.untie()
	if s.ended != nil {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
			if s.endedAfter(sig) {
				break
			}
		}
	}
	if err := s.folder.remove(); err != nil {
		return fmt.Errorf("removing the folder of the private PostgreSQL: %w", err)
	}
	return nil
}

func (s *Server) endedAfter(sig syscall.Signal) bool {
	// The only error is that the process has ended already, which the channel tells as well.
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.ended:
		return true
	case <-time.After(stopLimit):
		return false
	}
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
