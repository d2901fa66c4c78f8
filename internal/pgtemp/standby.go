package pgtemp

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Standby starts a server that follows s: it takes reads, and writes once it is promoted, by pg_promote(). It has the
// settings of s and is stopped by itself. While its data is copied s is down. Like Halt it is for tests, and not to be
// called together with another method.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	dir, err := newFolder(s.as, s.inMemory)
	if err != nil {
		return nil, fmt.Errorf("starting a standby: %w", err)
	}
	standby := &Server{bin: s.bin, as: s.as, inMemory: s.inMemory, folder: dir, extra: maps.Clone(s.extra), untie: func() {}}
	if err := standby.follow(ctx, s); err != nil {
		_ = standby.end() // why it didn't start is what matters
		return nil, fmt.Errorf("starting a standby: %w", err)
	}
	return standby, nil
}

// follow makes the data folder from that of the primary, and starts the server once the primary is up again.
func (s *Server) follow(ctx context.Context, primary *Server) error {
	if err := primary.Halt(syscall.SIGINT); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", primary.folder.data(), s.folder.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("copying the primary's data: %w%s", err, lastLines(string(out)))
	}
	if err := primary.Resume(ctx); err != nil {
		return err
	}
	signal := filepath.Join(s.folder.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if s.as != nil {
		if err := os.Chown(signal, s.as.uid, s.as.gid); err != nil {
			return err
		}
	}
	if s.extra == nil {
		s.extra = map[string]string{}
	}
	s.extra["primary_conninfo"] = "host='" + primary.folder.path + "' port=" + port + " user=postgres"
	if err := s.run(); err != nil {
		return err
	}
	return s.answers(ctx)
}
