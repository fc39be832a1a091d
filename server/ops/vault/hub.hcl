# A hub: reads the keys, has PINs hashed, writes down who was erased. It can change no key.

path "attendance/data/keyring" {
  capabilities = ["read"]
}

# Erasures are added, never changed or removed.
path "attendance/data/erasures/*" {
  capabilities = ["create"]
}
path "attendance/metadata/erasures" {
  capabilities = ["list"]
}
path "attendance/metadata/erasures/*" {
  capabilities = ["list"]
}

path "attendance-transit/decrypt/keyring" {
  capabilities = ["update"]
}
path "attendance-transit/verify/signing" {
  capabilities = ["update"]
}
path "attendance-transit/hmac/pin/*" {
  capabilities = ["update"]
}

# Its own next secret id, only ever wrapped.
path "auth/approle/role/attendance-hub/secret-id" {
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
