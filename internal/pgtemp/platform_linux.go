package pgtemp

import (
	"os"
	"syscall"
)

// nobody is the id that user namespaces conventionally show for "somebody else"; nearly every /etc/passwd names it.
const nobody = 65534

// attributes of a child: run as the account, in a session of its own so that Ctrl-C reaches us and not it, and ended
// by the kernel when we are gone unless it is to be kept. SIGQUIT is PostgreSQL's immediate shutdown.
func attributes(as *account, keep bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Credential: as.credential()}
	if !keep {
		attr.Pdeathsig = syscall.SIGQUIT
	}
	return attr
}

// namedByNamespace runs a child in a user namespace where our nameless user id is shown as nobody's. Files it makes
// are ours outside.
func namedByNamespace() *syscall.SysProcAttr {
	attr := attributes(nil, false)
	attr.Cloneflags = syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
	return attr
}

// tie has nothing to add on Linux: the attributes see to it.
func tie(int) (untie func(), err error) { return func() {}, nil }
