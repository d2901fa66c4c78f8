package pgtemp

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchedVersion is what is downloaded when the machine has no PostgreSQL.
const fetchedVersion = embeddedpostgres.V17

// downloadLimit is for a network that neither answers nor refuses; a slow one takes a minute.
const downloadLimit = 5 * time.Minute

// published are the newest releases that can be downloaded, by major version.
var published = map[int]embeddedpostgres.PostgresVersion{
	15: embeddedpostgres.V15, 16: embeddedpostgres.V16, 17: embeddedpostgres.V17, 18: embeddedpostgres.V18,
}

// Programs returns the folder of the programs of one major version: from the folders of this machine's packages, or
// downloaded into the user's cache. It is for trying several versions in turn, each named by BinVariable.
func Programs(ctx context.Context, major int, notice io.Writer) (string, error) {
	as, err := serverAccount()
	if err != nil {
		return "", err
	}
	if dir := thisMachine(as, notice).ofMajor(ctx, major); dir != "" {
		return dir, nil
	}
	version, ok := published[major]
	if !ok {
		return "", fmt.Errorf("PostgreSQL %d is neither on this machine nor among those that can be downloaded", major)
	}
	return fetched(ctx, version, notice)
}

// libraryConfig says what to download; a test adds where from.
func libraryConfig(version embeddedpostgres.PostgresVersion) embeddedpostgres.Config {
	return embeddedpostgres.DefaultConfig().Version(version)
}

// fetched returns the folder of the programs in the user's cache, downloading them the first time: some 10 MB to
// transfer and 60 MB on disk, checked against the SHA-256 that is published beside them.
func fetched(ctx context.Context, version embeddedpostgres.PostgresVersion, notice io.Writer) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", fmt.Errorf("no folder to download PostgreSQL into: %w", err)
	}
	home := filepath.Join(cache, "postgresql-"+string(version))
	bin := filepath.Join(home, "bin")
	if isFile(filepath.Join(bin, "postgres")) {
		return bin, nil
	}
	if notice != nil {
		fmt.Fprintf(notice, "downloading PostgreSQL %s into %s, once: it was not found here\n", version, home)
	}
	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	if err := download(ctx, libraryConfig(version), cache, home); err != nil {
		return "", fmt.Errorf("downloading PostgreSQL %s into %s: %w", version, home, err)
	}
	return bin, nil
}

// cacheFolder is the user's cache; for root the system's, because root's own is closed to the account that has to run
// the programs.
func cacheFolder() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/logferry", nil
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "logferry"), err
}

// download unpacks beside home and renames, so that home is whole or absent whatever else happens.
func download(ctx context.Context, config embeddedpostgres.Config, cache, home string) error {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "download-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	unpacked := filepath.Join(work, "unpacked")

	done := make(chan error, 1)
	go func() { done <- fetchOnly(config, work, unpacked) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		// The library takes no context; its request goes on until the program ends, into a folder nobody reads.
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(unpacked, 0o755); err != nil {
		return err
	}
	if err := os.Rename(unpacked, home); err != nil && !isFile(filepath.Join(home, "bin", "postgres")) {
		return err
	}
	return nil
}

// fetchOnly makes the library download and unpack, and no more. The library has one call, Start, which downloads,
// unpacks, makes its runtime folder, and goes on to run a server on a TCP port as this user: not what we want. So the
// runtime folder is named like one of the unpacked files: it can't be made, and Start ends there. Whether the programs
// have arrived is then seen by looking.
func fetchOnly(config embeddedpostgres.Config, archive, unpacked string) error {
	config = config.
		Port(0). // the library first tries to listen: any port will do
		CachePath(archive).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(unpacked, "bin", "pg_ctl")).
		Logger(io.Discard)
	err := embeddedpostgres.NewDatabase(config).Start()
	for _, program := range []string{"postgres", "initdb"} {
		if !isFile(filepath.Join(unpacked, "bin", program)) {
			return fmt.Errorf("%s has not arrived: %w", program, err)
		}
	}
	return nil
}
