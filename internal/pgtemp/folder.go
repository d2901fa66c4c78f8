package pgtemp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	folderPrefix = "logferry-pg-"
	// longestSocket is what every system takes as the path of a Unix socket (macOS 103 bytes, Linux 107), with a margin.
	longestSocket = 99
	// memory is Linux's folder for files that are never written to a disk.
	memory = "/dev/shm"
)

// folder is the place of one server: its data, its socket, its log, and the lock that says it is in use.
type folder struct {
	path string
	// lock is held by flock as long as this program or the server, which inherits it, is alive. The kernel lets it go
	// when the last of them is gone, however they went.
	lock *os.File
}

func (f *folder) data() string { return filepath.Join(f.path, "data") }
func (f *folder) log() string  { return filepath.Join(f.path, "log") }

// newFolder makes a folder that belongs to the server's account. It gets its final name only once the lock is held,
// so a sweep never sees one that is not locked yet.
func newFolder(as *account, inMemory bool) (*folder, error) {
	base, err := baseFolder(as, inMemory)
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(base, "logferry-new-*")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path}
	if err := f.claim(as); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) claim(as *account) error {
	lock, err := os.OpenFile(filepath.Join(f.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.lock = lock
	if err := tryLock(lock); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if as != nil {
		if err := os.Chown(f.path, as.uid, as.gid); err != nil {
			return err
		}
	}
	named := strings.Replace(f.path, "logferry-new-", folderPrefix, 1)
	if err := os.Rename(f.path, named); err != nil {
		return err
	}
	f.path = named
	return nil
}

// remove deletes the folder, then lets the lock go.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// baseFolder is the system's folder for temporary files; /tmp if that makes the socket's path too long or is closed
// to the server's account. In memory it is the system's folder there instead, unless TMPDIR says where to go.
func baseFolder(as *account, inMemory bool) (string, error) {
	places := []string{os.TempDir(), "/tmp"}
	if inMemory && os.Getenv("TMPDIR") == "" && roomInMemory() {
		places = append([]string{memory}, places...)
	}
	var refused []error
	for _, base := range places {
		base, err := filepath.Abs(base)
		if err == nil {
			err = fit(base, as)
		}
		if err == nil {
			return base, nil
		}
		refused = append(refused, err)
	}
	return "", fmt.Errorf("no folder for temporary files will do, set TMPDIR to a short path: %w", errors.Join(refused...))
}

// roomInMemory says whether a server with its test databases fits into the folder that the system keeps in memory.
// A container's has 64 MiB as a rule.
func roomInMemory() bool {
	var system syscall.Statfs_t
	return syscall.Statfs(memory, &system) == nil && system.Bavail*uint64(system.Bsize) >= 4<<30
}

func fit(base string, as *account) error {
	socket := filepath.Join(base, folderPrefix+"0123456789", ".s.PGSQL."+port)
	if len(socket) > longestSocket {
		return fmt.Errorf("%s is too long for the path of a Unix socket", base)
	}
	if as == nil {
		return nil
	}
	for dir := base; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s is closed to the user %s", dir, as.name)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// sweep removes the folders that killed programs left in the base folder: those of ours whose lock nobody holds.
// What can't be removed is left for another time: it is in nobody's way.
func sweep(as *account, inMemory bool) {
	base, err := baseFolder(as, inMemory)
	if err != nil {
		return
	}
	// The only error of Glob is a malformed pattern.
	left, _ := filepath.Glob(filepath.Join(base, folderPrefix+"*"))
	for _, path := range left {
		if ours(path, as) {
			removeIfDead(path)
		}
	}
}

func removeIfDead(path string) {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|noFollow, 0)
	if err != nil {
		return
	}
	f := &folder{path: path, lock: lock}
	if tryLock(lock) != nil {
		lock.Close()
		return
	}
	_ = f.remove()
}
