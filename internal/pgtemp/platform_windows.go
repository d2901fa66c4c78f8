package pgtemp

import (
	"errors"
	"os"
	"syscall"
)

var errWindows = errors.New("not on Windows: set DATABASE_URL and use --into-database-url, or run logferry in WSL")

const noFollow = 0

type account struct {
	name     string
	uid, gid int
}

// serverAccount ends Start on Windows; the functions below it are never reached there.
func serverAccount() (*account, error) { return nil, errWindows }

func attributes(*account, bool) *syscall.SysProcAttr { return nil }
func namedByNamespace() *syscall.SysProcAttr         { return nil }
func tie(int) (func(), error)                        { return nil, errWindows }
func tryLock(*os.File) error                         { return errWindows }
func ours(string, *account) bool                     { return false }
