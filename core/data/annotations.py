"""Annotation formats of others: COCO, Pascal VOC, revisited Oxford and Paris, Hugging Face image folders."""
