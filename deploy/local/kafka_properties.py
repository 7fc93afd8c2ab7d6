"""Configuration of the local broker."""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listeners=CLIENT://{host}:{port},INTERNAL://{host}:{internal_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENT://{host}:{port},INTERNAL://{host}:{internal_port}
listener.security.protocol.map=CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}

# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false

# One broker holds the only copy; few partitions make a first start quick.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
log.cleaner.dedupe.buffer.size=16777216

# Members are missed and partitions moved within seconds; by default it takes 5 to 45 s.
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.session.timeout.ms=10000
group.consumer.min.session.timeout.ms=5000

# A broker that stands still for longer is fenced, and a session that was to end in that moment never does: by default
# 9 s. One that was killed may not come back sooner (docs/adr/0030-a-broker-is-not-fenced-while-it-only-waits.md).
broker.session.timeout.ms=20000
broker.heartbeat.interval.ms=500

# A dead worker's transaction blocks read-committed readers until this scan finds it; by default up to 10 s longer.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
"""

TLS = """
ssl.keystore.type=PEM
ssl.keystore.location={key_store}
"""

SASL = """
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""

LOGGING = """\
status = warn
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
"""
