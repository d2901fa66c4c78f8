package main

import (
	"context"
	"errors"
	"time"

	"logferry/ferry"
	"logferry/internal/demo"
	"logferry/migrations"
)

// wired is what the commands really do.
func wired() deps {
	return deps{
		open:     openFlow,
		check:    ferry.Check,
		exitCode: exitCodeOf,
		migrateUp: func(ctx context.Context, url string, done func(string, time.Duration)) error {
			return asSchemaError(migrations.Options{Done: done}.Up(ctx, url))
		},
		migrateDown: func(ctx context.Context, url string, to int) error {
			return asSchemaError(migrations.Down(ctx, url, to))
		},
		schemaAt: func(ctx context.Context, url string) (schemaState, error) {
			at, err := migrations.Version(ctx, url)
			return schemaState{current: at.Current, newest: at.Newest, dirty: at.Dirty}, asSchemaError(err)
		},
		newestSchema: migrations.Newest,
		demo: func(ctx context.Context, o demoOptions) error {
			err := demo.Run(ctx, demo.Options{Trace: o.trace, Keep: o.keep, DatabaseURL: o.databaseURL, Out: o.out})
			if ferry.ExitCode(err) == ferry.ExitUnexpected {
				err = asSchemaError(err) // the demo migrates, too
			}
			return err
		},
	}
}

func openFlow(ctx context.Context, config ferry.Config) (*flow, error) {
	f, err := ferry.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	return &flow{
		close:      f.Close,
		sync:       f.Sync,
		backfill:   f.Backfill,
		verify:     f.Verify,
		status:     f.Status,
		setEnabled: f.SetEnabled,
		forget:     f.Forget,
		cases:      f.Quarantine,
		showOne:    f.QuarantineShow,
		replay:     f.QuarantineReplay,
		discard:    f.QuarantineDiscard,
		serve:      f.Serve,
	}, nil
}

// exitCodeOf is the flow's table and, for migrate, the schema's.
func exitCodeOf(err error) int {
	if schema, ok := errors.AsType[*schemaError](err); ok {
		return schema.code
	}
	return ferry.ExitCode(err)
}
