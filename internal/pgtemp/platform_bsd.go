//go:build unix && !linux

package pgtemp

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// attributes of a child: run as the account, in a session of its own so that Ctrl-C reaches us and not it. The kernel
// has no death signal here; see tie.
func attributes(as *account, _ bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: as.credential()}
}

// namedByNamespace changes nothing: there are no user namespaces here, so a user id without a name stays without.
func namedByNamespace() *syscall.SysProcAttr { return attributes(nil, false) }

// tie starts a shell that waits for the end of a pipe whose only writer we are. When we are gone, even by kill -9, the
// kernel closes the pipe and the shell ends the server. It runs as us, who may signal the server.
func tie(pid int) (untie func(), err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd := exec.Command("/bin/sh", "-c", `read -r _; kill -QUIT "$0"`, strconv.Itoa(pid))
	cmd.Stdin, cmd.Env, cmd.SysProcAttr = reader, environment(), attributes(nil, false)
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill() // first, so that it can't signal a stranger who has got the server's number since
		_ = cmd.Wait()
		writer.Close()
	}, nil
}
