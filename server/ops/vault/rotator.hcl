# Whoever rotates keys: reads and writes the keyring, and turns the PIN key. It hashes no PIN and erases nobody.

path "attendance/data/keyring" {
  capabilities = ["create", "read", "update"]
}

path "attendance-transit/encrypt/keyring" {
  capabilities = ["update"]
}
path "attendance-transit/decrypt/keyring" {
  capabilities = ["update"]
}
path "attendance-transit/sign/signing" {
  capabilities = ["update"]
}
path "attendance-transit/verify/signing" {
  capabilities = ["update"]
}
path "attendance-transit/keys/pin" {
  capabilities = ["read"]
}
path "attendance-transit/keys/pin/rotate" {
  capabilities = ["update"]
}

path "auth/approle/role/attendance-rotator/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1s"
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
