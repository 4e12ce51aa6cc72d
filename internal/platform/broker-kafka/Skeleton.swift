import CRDKafka
