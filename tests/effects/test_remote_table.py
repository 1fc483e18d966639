"""What the table says of clouds, services, stores and brokers: for each family what looks, what adds, what loses."""

from __future__ import annotations

import pytest

from revet.effects.model import Effect
from revet.effects.shell.classify import analyse
from revet.effects.shell.table import FOLDER, index, load

FAMILIES = """
aws azure backup backup_more brokers business cdn ci clouds coordination data_stores delivery forges gateways_dns google
gitlab google_apps http messaging minio models_publish monitoring object_stores people platforms search_flags secrets
secrets_more sharing sql_clients
"""
MINE = FAMILIES.split()


def effects(command: str) -> tuple[Effect, ...]:
    return analyse(command, cwd="/srv/shop", workspace="/srv/shop").effects


def kinds(command: str) -> set[str]:
    return {effect.kind.value for effect in effects(command)}


LOOKS = """
aws s3 ls s3://b
aws --profile prod ec2 describe-instances
aws apigatewayv2 help
aws --version
aws secretsmanager get-secret-value --secret-id a
aws s3 sync a s3://b --dryrun
gcloud compute instances list
gcloud storage ls gs://b
gcloud secrets versions access latest --secret=a
gsutil -m ls gs://b
bq query 'select 1'
az storage blob list -c c
az keyvault secret show --name a
az vm show -n a
doctl compute droplet list
heroku config:get A
heroku pg:info
wrangler kv:key list --namespace-id=a
fastly domain list
gh pr view 3
gh api repos/o/r
gh api -X GET repos/o/r
glab mr list
circleci context list
jenkins-cli list-jobs
argocd app get a
restic snapshots
borg list repo
rclone ls remote:b
rclone sync a remote:b --dry-run
mc ls m/b
mc admin user list m
velero backup get
redis-cli get a
redis-cli -h db INFO
mongosh --eval 'db.users.find()'
etcdctl get a
consul kv get a
vault kv get secret/a
vault -namespace=admin status
op item list
doppler run -- printenv A
kafka-topics --bootstrap-server k:9092 --list
kafka-console-consumer --topic a
rabbitmqctl list_users
nats stream ls
algolia indices list
ldcli flags list
stripe customers list
pd incident list
promtool query instant http://p up
splunk search error
deck diff
dig example.com
huggingface-cli whoami
psql -c 'select 1'
sqlite3 a.db .tables
pass show mail
octodns-sync --config-file a.yml
"""

LOSES = """
aws s3 rm s3://b --recursive
aws s3 rb s3://b
aws s3 sync a s3://b --delete
aws ec2 terminate-instances --instance-ids i-1
aws --region eu-west-1 iam delete-user --user-name a
aws kms schedule-key-deletion --key-id a
aws sqs purge-queue --queue-url u
aws route53 delete-traffic-policy --id a --version 1
aws route53 change-resource-record-sets --change-batch '{"Changes":[{"Action":"DELETE"}]}'
gcloud compute instances delete a --quiet
gcloud storage rm -r gs://b
gcloud projects delete p
gsutil -m rm -r gs://b
gsutil rsync -d a gs://b
bq rm -r -f d
bq query 'drop table d.t'
az group delete --name a --yes
az acr repository untag --image a:b
azcopy sync --delete-destination=true a https://b
doctl compute droplet delete 1 -f
linode-cli linodes delete 1
heroku pg:reset
heroku apps:destroy a --confirm a
fly apps destroy a
supabase db reset
wrangler r2 bucket delete b
wrangler d1 execute db --command 'DROP TABLE a'
fastly logging s3 delete --name a
firebase firestore:delete --all-collections
gh repo delete o/r --yes
gh api -X DELETE repos/o/r
gh api --method=DELETE repos/o/r
glab api --method DELETE projects/1
circleci orb delete o/a
jenkins-cli delete-job a
argocd app delete a
restic forget --keep-last 1 --prune
borg prune --keep-last 1
rclone purge remote:b
rclone sync a remote:b
mc rm --recursive m/b
mc mirror --remove m/a m/b
velero backup delete a --confirm
redis-cli FLUSHALL
redis-cli -h db -n 2 flushdb
redis-cli del a b
mongosh --eval 'db.dropDatabase()'
cqlsh -e 'DROP KEYSPACE a'
etcdctl del --prefix /
consul kv delete -recurse a
vault kv destroy -versions=1 secret/a
vault secrets disable kv/
op vault delete a
doppler projects delete a --yes
bw delete item 1
kafka-topics --bootstrap-server k:9092 --delete --topic a
rpk topic delete a
rabbitmqctl delete_vhost /
rabbitmqadmin purge queue name=a
nats stream purge A -f
algolia indices clear a
ldcli flags delete a
stripe customers delete cus_1
newrelic entity delete 1
splunk clean eventdata -index main
kong migrations reset
deck gateway reset
dnscontrol push
nsupdate -k key
pdnsutil delete-zone example.com
huggingface-cli repo delete a
wandb artifact delete a
"""

OTHERS = [
    ("aws s3 cp a s3://b/a", {"remote_create"}),
    ("aws s3 cp s3://b/a .", {"write"}),
    ("aws s3 cp a s3://b --acl public-read", {"privilege"}),
    ("aws ses send-email --from a --to b", {"send"}),
    ("aws sns publish --topic-arn a --message b", {"send"}),
    ("aws secretsmanager put-secret-value --secret-id a --secret-string b", {"service"}),
    ("aws iam attach-user-policy --user-name a --policy-arn b", {"privilege"}),
    ("aws ec2 stop-instances --instance-ids i-1", {"service"}),
    ("aws dynamodb update-item --table-name a", {"remote_write"}),
    ("aws newservice frobnicate-things", {"unknown"}),
    ("gcloud app deploy", {"service"}),
    ("heroku ps:scale web=0", {"service"}),
    ("wrangler deploy", {"service"}),
    ("gh pr create --title a", {"remote_write"}),
    ("gh pr merge 3", {"send"}),
    ("gh release create v1", {"send"}),
    ("gh secret set A", {"service"}),
    ("redis-cli config set maxmemory 1", {"service"}),
    ("redis-cli set a 1", {"remote_write"}),
    ("redis-cli eval 'return 1' 0", {"unknown"}),
    ("redis-cli publish news hello", {"send"}),
    ("vault kv put secret/a b=c", {"service"}),
    ("kafka-consumer-groups --reset-offsets --group a --topic b", {"service"}),
    ("mail -s hello ann@example.com", {"send"}),
    ("mail -s hello -a .env ann@example.com", {"leak"}),
    ("stripe refunds create --charge ch_1", {"send"}),
    ("twilio api:core:messages:create --to 1 --body b", {"send"}),
    ("dig axfr example.com", {"leak"}),
    ("pass rm mail", {"delete"}),
    ("dropdb shop", {"schema"}),
    ("aws ssm send-command --parameters commands=ls", {"unknown"}),
    ("sops exec-env a.yml 'rm -rf /'", {"unknown"}),
    ("consul lock a rm -rf /", {"unknown"}),
    ("borg with-lock r rm -rf /", {"unknown"}),
    ("mysqladmin -u root drop shop", {"schema"}),
]


@pytest.mark.parametrize("command", LOOKS.strip().splitlines())
def test_looking(command: str) -> None:
    assert kinds(command) <= {"read", "fetch"}


@pytest.mark.parametrize("command", LOSES.strip().splitlines())
def test_losing(command: str) -> None:
    assert "remote_delete" in kinds(command)
    assert all(e.reversible is False for e in effects(command) if e.kind == "remote_delete")


@pytest.mark.parametrize(("command", "expected"), OTHERS)
def test_the_rest(command: str, expected: set[str]) -> None:
    assert expected <= kinds(command)


def test_the_target_is_named() -> None:
    assert [effect.target for effect in effects("aws s3 rm s3://b/x")] == ["s3://b/x"]
    assert [effect.target for effect in effects("gh repo delete o/r")] == ["o/r"]
    assert [effect.target for effect in effects("redis-cli del a b")] == ["a", "b"]


@pytest.mark.parametrize("name", MINE)
def test_files_are_small_and_every_loss_says_what_is_lost(name: str) -> None:
    path = FOLDER / f"{name}.toml"
    assert path.stat().st_size < 16_000
    for program in load(path).values():
        for rule in (*program.rules, program.default):
            if rule.effect in ("remote_delete", "service", "send", "leak", "privilege", "schema", "unknown"):
                assert rule.claim, f"{program.names[0]}: {rule.id or rule.words}"


def test_every_program_is_found() -> None:
    known = index()
    missing = [name for file in MINE for name in load(FOLDER / f"{file}.toml") if known.get(name) != f"{file}.toml"]
    assert missing == []
