package emulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	database "cloud.google.com/go/spanner/admin/database/apiv1"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	instance "cloud.google.com/go/spanner/admin/instance/apiv1"
	"cloud.google.com/go/spanner/admin/instance/apiv1/instancepb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// DatabaseName is "projects/P/instances/I/databases/D".
func DatabaseName(project, instance, database string) string {
	return fmt.Sprintf("projects/%s/instances/%s/databases/%s", project, instance, database)
}

// CreateDatabase makes an empty database with the schema of statements, and
// first its instance when that is missing. A database that is already there is
// an error with code AlreadyExists.
func CreateDatabase(ctx context.Context, host, project, instance, database string, statements []string) error {
	conn, err := dial(host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := createInstance(ctx, conn, project, instance); err != nil {
		return fmt.Errorf("create instance %s on the emulator: %w", instance, err)
	}
	if err := createDatabase(ctx, conn, project, instance, database, statements); err != nil {
		return fmt.Errorf("create database %s on the emulator: %w", database, err)
	}
	return nil
}

// DropDatabase removes the database "projects/P/instances/I/databases/D" and
// all that is in it. The emulator keeps at most 100 in an instance.
func DropDatabase(ctx context.Context, host, name string) error {
	conn, err := dial(host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	admin, err := database.NewDatabaseAdminClient(ctx, option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	return admin.DropDatabase(ctx, &databasepb.DropDatabaseRequest{Database: name})
}

func createInstance(ctx context.Context, conn *grpc.ClientConn, project, id string) error {
	admin, err := instance.NewInstanceAdminClient(ctx, option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	op, err := admin.CreateInstance(ctx, &instancepb.CreateInstanceRequest{
		Parent:     "projects/" + project,
		InstanceId: id,
		Instance: &instancepb.Instance{
			Config:      "projects/" + project + "/instanceConfigs/emulator-config",
			DisplayName: id,
			NodeCount:   1,
		},
	})
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = op.Wait(ctx)
	return err
}

func createDatabase(ctx context.Context, conn *grpc.ClientConn, project, instance, id string, statements []string) error {
	admin, err := database.NewDatabaseAdminClient(ctx, option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	op, err := admin.CreateDatabase(ctx, &databasepb.CreateDatabaseRequest{
		Parent:          "projects/" + project + "/instances/" + instance,
		CreateStatement: "CREATE DATABASE `" + id + "`",
		ExtraStatements: statements,
	})
	if err != nil {
		return err
	}
	_, err = op.Wait(ctx)
	return err
}

func dial(host string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+host, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to the emulator at %s: %w", host, err)
	}
	return conn, nil
}

// reachTimeout is for an emulator that says it is up, or is said to be.
const reachTimeout = 10 * time.Second

// reach asks host something that only a Spanner answers.
func reach(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	conn, err := dial(host)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	admin, err := instance.NewInstanceAdminClient(ctx, option.WithGRPCConn(conn))
	if err != nil {
		return err
	}
	_, err = admin.ListInstanceConfigs(ctx, &instancepb.ListInstanceConfigsRequest{Parent: "projects/reach"}).Next()
	if errors.Is(err, iterator.Done) {
		return nil
	}
	return err
}
