import CRDKafka
print("mock")
