package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/BlockRunAI/worker-network/shared/signer"
)

type kmsAddressCmd struct {
	Key string `arg:"" optional:"" help:"The key version, projects/.../cryptoKeyVersions/1; else that of TREASURY_KMS_KEY."`
}

// Run prints the address whose key it is, which asks for the public half alone.
func (cmd kmsAddressCmd) Run(c console) error {
	set, _ := c.lookup("TREASURY_KMS_KEY")
	name := cmp.Or(cmd.Key, strings.TrimSpace(set))
	if name == "" {
		return usageError{errors.New("which key? give projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N, or set TREASURY_KMS_KEY (terraform output -raw treasury_kms_key)")}
	}
	client, err := kms.NewKeyManagementClient(c.ctx)
	if err != nil {
		return fmt.Errorf("connect to Cloud KMS: %w", err)
	}
	defer client.Close()
	return cmd.print(c, name, client)
}

func (kmsAddressCmd) print(c console, name string, client signer.KMS) error {
	s, err := signer.NewKMS(c.ctx, client, name)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(map[string]string{"key": name, "address": s.Address().Hex()})
	}
	c.printf("%s\n", s.Address().Hex())
	return nil
}
